"""Somebody asks for work without end."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.matching import search
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import BUDGET_TOKENS, Actor, EvolveRequest, SkillDefinition
from promptbreeder.runs.plan import Plan
from promptbreeder.service import Service
from promptbreeder.usecases.planning import TOKENS_PER_CALL

pytestmark = pytest.mark.anyio
TOO_MUCH = [
    {"generations": 10**9},
    {"generations": 2**63},
    {"generations": -1},
    {"generations": 1e300},
    {"population": 10**9},
    {"budget_tokens": 10**9},
    {"budget_tokens": 0},
    {"seed": 10**30},
    {"wait_seconds": 10**9},
    {"wait_seconds": -1},
    {"candidates": ["x"] * 65},
    {"generations": "1000000000"},
    {"generations": None, "population": True, "budget_tokens": "lots"},
]


@pytest.mark.parametrize("arguments", TOO_MUCH)
async def test_a_billion_generations_are_a_validation_error(
    client: Client, call: Callable[..., Any], stored: Callable[[], list[str]], arguments: dict[str, Any]
) -> None:
    """So is every other number out of range; the message names the argument, and no run is stored."""
    before = stored()
    failed, told, _ = await call(client, "evolve_prompt", skill="tickets", **arguments)
    assert failed
    assert any(name in told for name in arguments)
    assert "Nothing was done" in told
    assert stored() == before


@pytest.mark.parametrize("strategy", ["promptbreeder", "evoprompt-de", "opro", "edits"])
async def test_the_caps_of_a_run_hold_within_one_call(
    database: Path, open_service: Callable[..., Service], actor: Actor, strategy: str
) -> None:
    """As many generations as may be asked for, on the least budget: what is counted is what the model was sent."""
    model = ScriptedModel()
    async with open_service(database, model) as service:
        request = EvolveRequest(skill="tickets", strategy=strategy, generations=200, budget_tokens=BUDGET_TOKENS[0])
        run = await service.evolve(request, actor, wait_seconds=120)
    assert run.status == "finished"
    assert 0 < run.tokens <= BUDGET_TOKENS[0]
    assert run.calls <= BUDGET_TOKENS[0] // TOKENS_PER_CALL
    # After the budget one candidate at most is measured on the gate, which every promotion needs.
    gate = sum((await _gate(service)).values())
    assert len(model.requests) <= run.calls + 4 * gate


async def _gate(service: Service) -> dict[str, int]:
    return {"gate": (await service.examples("tickets")).counts.gate}


def test_every_run_has_three_caps() -> None:
    """None of them may be left out of a plan."""
    for cap in ("token_limit", "call_limit", "seconds_limit"):
        assert Plan.model_fields[cap].is_required()


async def test_a_skill_has_one_run_at_a_time(service: Service, actor: Actor) -> None:
    """Asking again and again joins it; asking for another is refused."""
    request = EvolveRequest(skill="tickets", generations=200, budget_tokens=BUDGET_TOKENS[1])
    runs = {(await service.evolve(request, actor, wait_seconds=0)).run_id for _ in range(20)}
    with pytest.raises(Exception, match=r"with other arguments.*get_run.* or `promptbreeder-mcp status tickets`"):
        await service.evolve(request.model_copy(update={"seed": 7}), actor, wait_seconds=0)
    assert len(runs) == 1
    assert len(await service.runs("tickets")) == 1
    await service.cancel_run(runs.pop(), actor)


async def test_a_pattern_that_takes_its_time_keeps_no_other_caller_waiting(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is searched for beside the loop that serves them, wherever it is given, run, measured or reported on."""
    loop, searched = threading.get_ident(), list[int]()

    def seen(pattern: str, texts: Sequence[str]) -> list[bool]:
        searched.append(threading.get_ident())
        return search(pattern, texts)

    def were_beside_it() -> bool:
        found = bool(searched) and loop not in searched
        searched.clear()
        return found

    monkeypatch.setattr("promptbreeder.evaluation.metrics.search", seen)
    examples = [{"input": f"Ticket {number}: parcel", "expected": f"delivery{number}?"} for number in range(60)]
    await service.define_skill(ticket_skill(labels=None, name="patterns", metric="regex", examples=examples), actor)
    assert were_beside_it()
    await service.evolve(EvolveRequest(skill="patterns", generations=1, budget_tokens=20_000), actor, wait_seconds=60)
    assert were_beside_it()
    await service.fitness("patterns", 1)
    assert were_beside_it()
    call = await service.run_skill("patterns", "Where is it?")
    await service.record_outcome(call.call_id, actor, expected="delivery")
    assert were_beside_it()


async def test_a_pattern_that_takes_its_time_keeps_no_other_process_from_writing(
    service: Service,
    actor: Actor,
    ticket_skill: Callable[..., SkillDefinition],
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is tried before the correction that it comes with is written, and refused without holding the lock."""
    examples = [{"input": f"Ticket {number}", "expected": "delivery"} for number in range(3)]
    await service.define_skill(ticket_skill(labels=None, name="patterns", metric="regex", examples=examples), actor)
    number = (await service.examples("patterns")).examples[0].id
    tried: list[str] = []

    def seen(pattern: str, texts: Sequence[str]) -> list[bool]:
        with closing(sqlite3.connect(database, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        tried.append(pattern)
        return search(pattern, texts)

    monkeypatch.setattr("promptbreeder.evaluation.metrics.search", seen)
    with pytest.raises(InvalidInput, match="takes more than a second"):
        await service.correct_example("patterns", number, r"^(a+)+z$", actor)
    assert (await service.correct_example("patterns", number, r"deliver\w+", actor)).change == "corrected"
    assert tried == [r"^(a+)+z$", r"deliver\w+"]
