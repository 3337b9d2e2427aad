"""The strategy without a writer, through the service: from a request to a version."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.base import Generate
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio


async def test_edits_make_a_better_version_without_asking_a_writer(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[[Path], list[dict[str, Any]]],
) -> None:
    """Demonstrations and decoding lift the ticket skill; nothing is ever sampled."""
    model = ScriptedModel()
    async with open_service(database, model) as service:
        report = await evolve(service, strategy="edits", generations=7)
        lineage = await service.lineage(report.run_id)
        view = await service.prompt("tickets", report.version)
    assert (report.status, report.strategy, report.version) == ("finished", "edits", 2)
    assert report.best.search_score > report.baseline
    assert view.origin == "evolved"
    assert lineage
    kinds = {entry["kind"] for entry in entries(database)}
    assert kinds == {"measure", "attempt", "immigrants", "generation", "probe", "gate"}
    assert [r for r in model.requests if isinstance(r, Generate) and r.sampling.temperature > 0] == []


async def test_the_same_seed_and_budget_give_the_same_version(
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], tuple[str, str] | None],
) -> None:
    """All randomness is the seed's; another seed searches elsewhere."""
    paths = [copy_of(name) for name in ("one", "again", "other")]
    for path, seed in zip(paths, (5, 5, 6), strict=True):
        async with open_service(path) as service:
            await evolve(service, strategy="edits", generations=4, seed=seed, budget_tokens=30_000)
    one, again, other = paths
    assert journal(one) == journal(again) != journal(other)
    assert winner(one) == winner(again) is not None
