"""Drafts for which the budget has no room: nobody is asked for them, so nobody's text was rejected."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import ModelCrashed
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
RUN = {"strategy": "evoprompt-ga", "budget_tokens": 12_000, "population": None, "generations": None}


@pytest.mark.parametrize("stopped", [False, True])
async def test_only_texts_that_the_writer_wrote_are_counted_as_rejected(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    *,
    stopped: bool,
) -> None:
    """A dozen of its texts were refused: that says little of a writer, however many more would have been asked for.

    Nor does it where the run was stopped and resumed after some could not be asked for.
    """
    writer = ScriptedModel(lambda _: "Thank you for this.", name="writer")
    model = ScriptedModel(fail_at={40: ModelCrashed("gone")} if stopped else None)
    async with open_service(database, model, writer=writer) as service:
        report = await evolve(service, **RUN)
        if stopped:
            assert report.status == "paused"
            report = await evolve(service, run_id=report.run_id)
    assert report.status == "finished"
    assert sum(report.rejected.values()) == len(writer.requests) == 12
    assert "The writer yielded little" not in report.verdict
