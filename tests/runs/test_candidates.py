"""Candidates handed in: how they enter a run, and what is said of them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, ModelCrashed
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
BETTER = "Sort this message by what its sender needs repaired, paid or brought."


async def test_a_run_that_is_to_be_cancelled_takes_no_candidates_and_invites_none(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Whoever drove it is gone, so that it has not ended yet; but nothing that is handed in now would be tried."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        with closing(sqlite3.connect(database)) as db:
            db.execute("UPDATE runs SET cancel_requested = 1")
            db.commit()
        with pytest.raises(Conflict, match="was cancelled: it takes no candidates"):
            await evolve(service, run_id=run.run_id, candidates=[BETTER])
        brief = (await service.get_run(run.run_id, brief=True)).brief
    assert brief is not None
    assert "was cancelled: evolve_prompt(skill='tickets', candidates=[...], seed=another)" in brief.answer_with
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM immigrants").fetchone() == (0,)
