"""Runs on long inputs, and on more examples than a budget carries: the search gets somewhere, or says what it needs."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import ModelCrashed, ModelError
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import DEFAULT_BUDGET_TOKENS, Actor, SkillDefinition
from promptbreeder.results import RunReport
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
FILLING = "nothing has come so far although it was paid at once and somebody should look at it"


@pytest.fixture
def long_tickets(  # noqa: PLR0917  fixtures
    tmp_path: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., list[dict[str, str]]],
    evolve: Callable[..., Any],
    actor: Actor,
) -> Callable[..., Any]:
    """Return a function that evolves a skill with so many tickets of so many words, in a file of that name."""

    async def evolved(
        count: int,
        words: int,
        name: str = "long",
        *,
        fail_at: Mapping[int, ModelError] | None = None,
        **changes: object,
    ) -> RunReport:
        filling = " ".join((FILLING.split() * words)[:words])
        examples = [{**each, "input": f"{each['input']} {filling}"} for each in tickets(count)]
        async with open_service(tmp_path / f"{name}.db", ScriptedModel(fail_at=fail_at)) as service:
            await service.define_skill(ticket_skill(examples=examples), actor)
            asked = {"generations": None, "population": None, "budget_tokens": DEFAULT_BUDGET_TOKENS, **changes}
            report: RunReport = await evolve(service, **asked)
            return report

    return evolved


@pytest.mark.parametrize("strategy", ["auto", "edits", "opro", "promptbreeder"])
async def test_more_examples_than_a_budget_carries_are_left_out_of_the_search(
    strategy: str, long_tickets: Callable[..., Any]
) -> None:
    """The run says on how many it searched, and ends with a winner that was measured on the gate.

    Catches a baseline and a reserve that leave a search no room for one block of a candidate.
    """
    report = await long_tickets(400, 200, strategy=strategy)
    assert (report.version, report.tokens <= report.budget_tokens) == (2, True)
    assert "Version 2 is better: gate accuracy" in report.verdict
    assert re.search(r"The search measured on 32 of 1\d\d search examples, as its budget allows\.", report.verdict)


@pytest.mark.parametrize("strategy", ["auto", "edits", "opro", "promptbreeder"])
async def test_inputs_whose_worst_case_does_not_fit_are_sent_in_parts(
    strategy: str, long_tickets: Callable[..., Any]
) -> None:
    """A block's worst case is several times what it costs: the budget is spent all the same, and never exceeded."""
    report = await long_tickets(100, 360, strategy=strategy)
    assert (report.version, report.tokens <= report.budget_tokens) == (2, True)
    assert "Version 2 is better: gate accuracy" in report.verdict
    assert "search examples" not in report.verdict, "none is left out"


async def test_all_search_examples_are_used_where_the_budget_carries_them(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Nothing is said where nothing is missing."""
    async with open_service(database) as service:
        assert "search examples" not in (await evolve(service, budget_tokens=20_000)).verdict


async def test_a_budget_too_small_for_such_inputs_is_said_with_one_that_is_not(
    long_tickets: Callable[..., Any],
) -> None:
    """The figure stands in the verdict and in the call that tries again, and that call brings a version."""
    report = await long_tickets(100, 360, budget_tokens=30_000)
    enough = report.retry["budget_tokens"]
    assert (report.version, report.tokens <= 30_000) == (None, True)
    assert f"give it a larger budget, about {enough:,} tokens" in report.verdict
    assert f"evolve_prompt(skill='tickets', budget_tokens={enough}, seed=2) tries again" in str(report)
    assert (await long_tickets(100, 360, "again", **report.retry)).version == 2


@pytest.mark.parametrize("call", [3, 6, 9])
async def test_a_run_in_parts_that_was_stopped_goes_on_as_if_it_had_not_been(  # noqa: PLR0917  fixtures
    call: int,
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    long_tickets: Callable[..., Any],
) -> None:
    """What decided on parts is in the journal: whoever replays it decides the same."""
    whole = await long_tickets(100, 360, strategy="edits")
    stopped = await long_tickets(100, 360, "stopped", strategy="edits", fail_at={call: ModelCrashed("gone")})
    assert stopped.status == "paused"
    path = tmp_path / "stopped.db"
    async with open_service(path) as service:
        ended = await evolve(service, run_id=stopped.run_id)
    assert (ended.status, ended.verdict, ended.tokens) == ("finished", whole.verdict, whole.tokens)
    assert journal(path) == journal(tmp_path / "long.db")
