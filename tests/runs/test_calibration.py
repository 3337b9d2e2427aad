"""Calibration in a run: a prompt is judged with what is taken off when it is executed."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.base import Block, Choice, Choose
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
FAIR = "Read the ticket and say which queue it belongs to."
GOOD = "Read the ticket and name the one queue that it belongs to."
KNOWN = {FAIR: 1.5, GOOD: 4.0}
"""How much of a label an input gives away under a prompt; little under any other."""


class _Undecided(ScriptedModel):
    """A model that has a liking for early labels, and knows little of any input; a little more under one prompt."""

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Answer each request, by the bytes of its input's hash."""
        block = await super().choose(requests)
        answers = [
            Choice(self._logprobs(request), choice.prompt_tokens)
            for request, choice in zip(requests, block.answers, strict=True)
        ]
        return Block(tuple(answers), block.prefix_tokens)

    @staticmethod
    def _logprobs(request: Choose) -> tuple[float, ...]:
        item, known = request.messages[-1].content, KNOWN.get(request.messages[0].content, 0.3)
        noise = hashlib.sha256(item.encode()).digest()
        return tuple(
            -1.5 * place + (noise[place] - 128) / 90 + (known if label[:4] in item else 0.0)
            for place, label in enumerate(request.options)
        )


def notes(labels: Sequence[str], start: int) -> list[dict[str, str]]:
    """Return examples that hint at their label."""
    return [
        {"input": f"Note {start + place}, {label[:4]} {place % 7}", "expected": label}
        for place, label in enumerate(labels)
    ]


async def test_production_meets_the_gate_with_the_calibration_that_it_is_executed_with(  # noqa: PLR0917  fixtures
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    entries: Callable[[Path], list[dict[str, Any]]],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """Examples of another mix came in since: production's accuracy is that of its answers, before and after the run.

    Catches a gate that calibrates production anew, and stores scores of answers that nobody will ever get.
    """
    path = tmp_path / "calibrated.db"
    rules = {"settings": {"allowed_decoding": ["calibrated"]}}
    async with open_service(path, _Undecided()) as service:
        balanced = notes(["billing", "delivery", "technical"] * 40, 0)
        await service.define_skill(ticket_skill(examples=balanced, **rules), actor)
        first = await evolve(service, candidates=[FAIR])
        await service.promote("tickets", first.version, "better", actor, force=True)
        await service.define_skill(ticket_skill(examples=notes(["technical"] * 120, 1_000)), actor)
        before = (await service.fitness("tickets")).version
        again = await evolve(service, candidates=[GOOD], seed=2)
        after = (await service.fitness("tickets")).version
    assert again.version not in {None, first.version}
    gate = next(entry for entry in entries(path) if entry["kind"] == "gate")["answer"]
    assert gate["incumbent"]["prior"] != gate["challenger"]["prior"]
    assert before is not None
    assert after is not None
    assert after.gate == before.gate
    judged = gate["incumbent"]["scores"]
    assert after.gate is not None
    assert sum(judged) / len(judged) == pytest.approx(after.gate.accuracy)
