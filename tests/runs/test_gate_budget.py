"""What a run keeps of its budget for the gate, and what becomes of a gate that it cannot measure in full."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service
from promptbreeder.usecases.planning import TOKENS_PER_CALL

pytestmark = pytest.mark.anyio
CALIBRATED = {"allowed_decoding": ["calibrated"]}


def _measured(path: Path) -> dict[int, int]:
    """Return on how many gate examples each version's own way of decoding was measured, as it is stored."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(
            "SELECT version, example_ids FROM evaluations WHERE split = 'gate' AND decoding = 'calibrated'"
        ).fetchall()
    return {version: len(json.loads(ids)) for version, ids in rows}


async def test_a_gate_cut_short_by_the_budget_says_so_and_takes_no_evidence_away(  # noqa: PLR0917  fixtures
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., list[dict[str, str]]],
    actor: Actor,
) -> None:
    """Production keeps what it was measured on before, and asking for the new version's fitness measures the rest."""
    path = tmp_path / "cut.db"
    async with open_service(path) as service:
        await service.define_skill(ticket_skill(examples=tickets(200), settings=CALIBRATED), actor)
        await service.fitness("tickets")
        whole = _measured(path)[1]
        report = await evolve(service, budget_tokens=6_000, generations=6)
        cut = _measured(path)
        assert report.version == 2
        assert 0 < cut[2] < whole == cut[1]
        assert f"n={cut[2]} -> " in report.verdict
        assert (
            f"{cut[2]} of its {whole} examples were measured, and get_fitness('tickets', 2) measures" in report.verdict
        )
        found = (await service.fitness("tickets", 2)).version
    assert found is not None
    assert found.gate is not None
    assert found.production_gate is not None
    assert (found.gate.n, found.production_gate.n) == (whole, whole)
    assert _measured(path) == {1: whole, 2: whole}


async def test_a_gate_measured_in_full_is_not_said_to_be_cut_short(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Nothing is said where nothing is missing."""
    async with open_service(database) as service:
        assert "within the gate" not in (await evolve(service)).verdict


@pytest.mark.parametrize(("strategy", "budget"), [("edits", 4_000), ("promptbreeder", 6_000)])
async def test_a_search_of_short_texts_leaves_calls_for_the_gate(  # noqa: PLR0917  fixtures
    strategy: str,
    budget: int,
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., list[dict[str, str]]],
    actor: Actor,
) -> None:
    """Where a call costs few tokens it is the calls that run out: enough are kept to measure the winner on the gate.

    Catches a search that takes them all, and ends with a candidate that nobody knows to be better.
    """
    path = tmp_path / "calls.db"
    short = [{**each, "input": " ".join(each["input"].split()[1:3])} for each in tickets(200)]
    async with open_service(path) as service:
        await service.define_skill(ticket_skill(examples=short, settings=CALIBRATED), actor)
        whole = (await service.examples("tickets", split="gate")).counts.gate
        report = await evolve(service, strategy=strategy, budget_tokens=budget, generations=None, population=None)
    assert report.calls <= budget // TOKENS_PER_CALL
    assert report.version == 2
    assert _measured(path) == {1: whole, 2: whole}
