"""Blind comparisons, and what votes are good for."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Demonstration, Prompt
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service
from promptbreeder.usecases.dueling import DUEL_SECONDS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("reversed_", [0, 1])
async def test_a_duel_does_not_tell_which_version_answered_what(
    service: Service, better: int, actor: Actor, monkeypatch: pytest.MonkeyPatch, reversed_: int
) -> None:
    """The order is drawn; the vote counts for the version that gave the chosen answer, and only then is it told."""
    monkeypatch.setattr("promptbreeder.usecases.dueling.secrets.randbelow", lambda _: reversed_)
    duel = await service.compare("tickets", text="parcel of one")
    order = [better, 1] if reversed_ else [1, better]
    answers = {1: "billing", better: "delivery"}
    assert [duel.a, duel.b] == [answers[version] for version in order]
    assert "version" not in duel.model_dump_json()
    report = await service.vote(duel.duel_id, "B", actor, "clear")
    assert (report.chosen_version, report.a_version, report.b_version) == (order[1], *order)
    assert (report.candidate, report.incumbent) == (better, 1)
    assert (report.wins, report.losses, report.ties) == (int(order[1] == better), int(order[1] == 1), 0)


async def test_a_duel_takes_one_vote(service: Service, better: int, actor: Actor) -> None:
    """Neither the same nor another voter can vote again, and a tie is a vote."""
    duel = await service.compare("tickets", a=1, b=better)
    assert (await service.vote(duel.duel_id, "tie", Actor("assistant", "Claude 1"))).chosen_version is None
    with pytest.raises(Conflict, match="has its vote already"):
        await service.vote(duel.duel_id, "A", actor)
    report = (await service.fitness("tickets", better)).version
    assert report is not None
    assert report.votes == {"won": 0, "lost": 0}


async def test_a_duel_expires(database: Path, open_service: Callable[..., Service], actor: Actor) -> None:
    """A vote of next week was not cast with both answers in sight."""
    async with open_service(database, ScriptedModel()) as service:
        await service.define_skill(_other(), actor)
        duel = await service.compare("tickets")
    async with open_service(database, ScriptedModel(), hours=DUEL_SECONDS / 3600 + 1) as late:
        with pytest.raises(Conflict, match="expired"):
            await late.vote(duel.duel_id, "A", actor)


async def test_an_input_is_drawn_from_the_train_split_and_not_twice(
    service: Service, better: int, database: Path
) -> None:
    """Gate inputs stay unseen, also by those who vote; each train input comes once before any comes again."""
    with closing(sqlite3.connect(database)) as db:
        train = {row[0] for row in db.execute("SELECT input FROM examples WHERE split = 'train'")}
    drawn = [(await service.compare("tickets", b=better)).input for _ in train]
    assert set(drawn) == train
    assert len(drawn) == len(train)


@pytest.mark.parametrize("side", ["demonstrations", "instruction"])
async def test_what_a_prompt_shows_is_not_drawn(
    service: Service, database: Path, evolved: Callable[..., Any], side: str
) -> None:
    """Neither as a demonstration nor in its text, of either version: its answers there are given, not found."""
    with closing(sqlite3.connect(database)) as db:
        train = [row[0] for row in db.execute("SELECT input FROM examples WHERE split = 'train'")]
    quoted, others = train[:-2], train[-2:]
    shots = tuple(Demonstration(input=text.upper(), output="billing") for text in quoted)
    prompts = {
        "demonstrations": Prompt(instruction="Route it.", demonstrations=shots),
        "instruction": Prompt(instruction="\n".join(["Route it.", *quoted])),
    }
    version = await evolved(service, prompts[side])
    assert {(await service.compare("tickets", b=version)).input for _ in range(6)} == set(others)
    await service.run_skill("tickets", quoted[0])
    assert {(await service.compare("tickets", a=version, b=1)).input for _ in range(6)} <= set(others)


async def test_a_version_is_not_compared_with_itself(service: Service, actor: Actor) -> None:
    """With one version there is nothing to compare yet; the newest is compared with production."""
    for text in ("x", None):
        with pytest.raises(InvalidInput, match="nothing to compare version 1 with"):
            await service.compare("tickets", text=text)
    second = (await service.define_skill(_other(), actor)).version
    with pytest.raises(InvalidInput, match="nothing to compare"):
        await service.compare("tickets", text="x", a=second, b=second)
    duel = await service.compare("tickets", text="x", a=second)
    report = await service.vote(duel.duel_id, "A", actor)
    assert {report.a_version, report.b_version} == {1, second}


async def test_votes_move_fitness_by_their_weight(service: Service, better: int, actor: Actor) -> None:
    """Preference is one part of three; accuracy and latency do not change by a vote."""

    async def parts() -> tuple[float, float, float]:
        known = (await service.fitness("tickets", better)).version
        assert known is not None
        assert known.parts is not None
        return known.parts.fitness, known.parts.accuracy, known.parts.preference

    before = await parts()
    for number in range(3):
        duel = await service.compare("tickets", text=f"parcel {number}", b=better)
        await service.vote(duel.duel_id, "A" if duel.a == "delivery" else "B", actor)
    after = await parts()
    assert before[2] == 0.5
    assert after[1] == before[1]
    assert after[2] == pytest.approx(5 / 7)
    assert after[0] - before[0] == pytest.approx(0.1 * (5 / 7 - 0.5))


def _other() -> SkillDefinition:
    return SkillDefinition(
        name="tickets",
        description="Route a support ticket to its queue.",
        prompt="Another prompt.",
        labels=("billing", "delivery", "technical"),
    )
