"""Production moves by evidence, by force or back; always with a reason, and never behind somebody's back."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptbreeder.errors import Conflict, ModelUnreachable, NotPromotable
from promptbreeder.models.base import Model
from promptbreeder.models.given import Given
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

from .conftest import Overtaken, first_word_or_billing

pytestmark = pytest.mark.anyio


async def production(service: Service) -> int:
    """Return the version that is in production."""
    return (await service.skills())[0].production


async def test_a_version_that_is_ahead_on_the_gate_is_promoted(
    service: Service, better: int, actor: Actor, database: Path, open_service: Callable[..., Service]
) -> None:
    """The result carries the evidence and the difference, and every process sees the new production at once."""
    moved = await service.promote("tickets", better, "it is always right", actor, expected_production=1)
    assert (moved.before, moved.after, moved.forced) == (1, better, False)
    assert moved.evidence.startswith("Ready: +")
    assert "-Which queue does this ticket belong to?" in moved.diff
    assert "+Answer with the word that the ticket begins with." in moved.diff
    assert (await service.run_skill("tickets", "parcel")).answer == "delivery"
    async with open_service(database) as other:
        assert await production(other) == better


async def test_a_version_below_production_needs_force_and_that_is_recorded(
    service: Service, better: int, actor: Actor
) -> None:
    """The refusal spells the evidence out; the forced promotion keeps it with the reason."""
    await service.promote("tickets", better, "it is always right", actor)
    with pytest.raises(
        NotPromotable, match=r"Worse: it is significantly below production; -[0-9.]+ points on \d+ gate.*force=true"
    ):
        await service.promote("tickets", 1, "nostalgia", actor)
    assert await production(service) == better
    moved = await service.promote("tickets", 1, "nostalgia", actor, force=True)
    assert (moved.forced, moved.after) == (True, 1)
    line = (await service.history("tickets", limit=1))[0]
    assert f"version {better} -> 1 promoted by test client 1 (FORCED, Worse: it is significantly" in line.sentence
    assert line.sentence.endswith("Reason: nostalgia")


async def test_a_decoding_that_is_not_allowed_needs_force_and_going_back_to_it_says_so(
    service: Service, constrained: int, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """What the skill forbids does not come into production unnoticed, however good it is."""
    await service.define_skill(ticket_skill(examples=[], settings={"allowed_decoding": ["free"]}), actor)
    told = (
        f"Version {constrained} answers by constrained decoding, which 'tickets' does not allow "
        "(allowed_decoding: free)."
    )
    known = (await service.fitness("tickets", constrained)).version
    assert known is not None
    assert known.verdict.endswith(told)
    with pytest.raises(NotPromotable, match=rf"promoted. Ready: .* {re.escape(told)} force=true"):
        await service.promote("tickets", constrained, "it is right", actor)
    assert await production(service) == 1
    moved = await service.promote("tickets", constrained, "it is right", actor, force=True)
    assert (moved.forced, moved.evidence.endswith(told)) == (True, True)
    assert (await service.rollback("tickets", "it is forbidden", actor)).evidence == "Rolled back."
    back = await service.rollback("tickets", "all the same", actor, to_version=constrained)
    assert (back.after, back.evidence) == (constrained, f"Rolled back. {told}")


async def test_force_is_not_recorded_where_it_was_not_needed(service: Service, better: int, actor: Actor) -> None:
    """A cautious caller that always forces must not taint a well-earned promotion."""
    assert (await service.promote("tickets", better, "why", actor, force=True)).forced is False


class Unreachable(Given):
    """A catalog whose models cannot be had."""

    def make(self, name: str) -> Model:
        """Refuse."""
        raise ModelUnreachable(f"nothing answers for {name}: start it")


async def test_without_its_model_a_version_is_promoted_by_force_only(
    service: Service, better: int, actor: Actor, database: Path, open_service: Callable[..., Service]
) -> None:
    """An emergency may be just that; the history says that nothing was judged, and why."""
    async with open_service(database, make_catalog=Unreachable) as other:
        with pytest.raises(ModelUnreachable):
            await other.promote("tickets", better, "why", actor)
        moved = await other.promote("tickets", better, "emergency", actor, force=True)
        assert (moved.before, moved.after, moved.forced) == (1, better, True)
        assert moved.evidence == "Not judged: nothing answers for scripted: start it."
        line = (await other.history("tickets", limit=1))[0]
        assert "(FORCED, Not judged: nothing answers" in line.sentence
    assert await production(service) == better


async def test_without_its_model_a_version_has_the_fitness_that_was_measured(
    service: Service, better: int, database: Path, open_service: Callable[..., Service]
) -> None:
    """It is said that nothing was judged now; of what was never measured the error is all there is to say."""
    measured = (await service.fitness("tickets", better)).version
    assert measured is not None
    async with open_service(database, make_catalog=Unreachable) as other:
        for number, begin in ((better, "Not judged"), (1, "In production")):
            found = (await other.fitness("tickets", number)).version
            assert found is not None
            assert found.gate == {better: measured.gate, 1: measured.production_gate}[number]
            assert found.production is (number == 1)
            assert found.verdict == (
                f"{begin}; only what was measured before is shown: nothing answers for scripted: start it."
            )


async def test_a_version_that_does_as_well_is_not_promoted_without_force(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """What is not shown to be better is not; the refusal says what is asked for and what there is."""
    other = await service.define_skill(ticket_skill(prompt="Another bad prompt.", examples=[]), actor)
    with pytest.raises(NotPromotable, match=r"at least \+5.0 points are asked for; \+0.0 points on \d+ gate examples"):
        await service.promote("tickets", other.version, "shorter", actor)
    moved = await service.promote("tickets", other.version, "shorter", actor, force=True)
    assert moved.forced
    assert moved.evidence.startswith("More evidence needed: ")


async def test_few_gate_examples_are_no_evidence(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition], tickets: Callable[..., list[Any]]
) -> None:
    """However good the version looks; the message says how many examples are missing."""
    for prompt in ("Some prompt.", "Answer with the word that the ticket begins with."):
        await service.define_skill(ticket_skill(name="small", prompt=prompt, examples=tickets(12)), actor)
    with pytest.raises(
        NotPromotable, match=r"Insufficient examples: 20 gate examples are the least; about \d+ more examples"
    ):
        await service.promote("small", 2, "why", actor)
    assert (await service.promote("small", 2, "why", actor, force=True)).forced


async def test_production_that_moved_in_between_is_a_conflict(
    service: Service, better: int, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Whoever decided on an older state decides anew; nothing is overwritten."""
    third = (await service.define_skill(ticket_skill(prompt="A third.", examples=[]), actor)).version
    await service.promote("tickets", better, "first", actor, expected_production=1)
    with pytest.raises(Conflict, match=f"version {better} of 'tickets' is in production, not 1"):
        await service.promote("tickets", third, "second", actor, expected_production=1, force=True)
    assert await production(service) == better


async def test_of_two_promotions_at_the_same_moment_one_wins(  # noqa: PLR0917  fixtures
    service: Service,
    better: int,
    actor: Actor,
    database: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
) -> None:
    """What was judged against the old production must not land on top of the new one."""
    third = (await service.define_skill(ticket_skill(prompt="A third.", examples=[]), actor)).version
    lost: list[Conflict] = []

    async def attempt(by: Service, version: int) -> None:
        try:
            await by.promote("tickets", version, "race", actor, expected_production=1, force=True)
        except Conflict as error:
            lost.append(error)

    async with open_service(database, ScriptedModel()) as other, anyio.create_task_group() as group:
        group.start_soon(attempt, service, better)
        group.start_soon(attempt, other, third)
    assert len(lost) == 1
    assert sum(line.kind == "promote" for line in await service.history("tickets")) == 1


@pytest.mark.parametrize("what", ["redefined", "moved"])
async def test_what_changed_while_a_version_was_measured_is_a_conflict(  # noqa: PLR0917  two processes
    service: Service,
    reader: Overtaken,
    better: int,
    actor: Actor,
    database: Path,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    what: str,
) -> None:
    """The rules, or production, also where it is what it was again; asked anew, it is judged by what holds now."""
    async with open_service(database, ScriptedModel(first_word_or_billing)) as other:

        async def meanwhile() -> None:
            if what == "redefined":
                await other.define_skill(ticket_skill(examples=[], settings={"min_accuracy": 0.5}), actor)
            else:
                await other.promote("tickets", better, "a try", actor)
                await other.rollback("tickets", "it harms", actor)

        reader.meanwhile = meanwhile
        with pytest.raises(Conflict, match=f"{what} in the meantime.*Look at its history, then decide anew"):
            await service.promote("tickets", better, "why", actor)
    assert await production(service) == 1
    assert (await service.promote("tickets", better, "all the same", actor)).after == better


async def test_rolling_back_undoes_promotions_one_by_one(
    service: Service, better: int, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Twice goes further back instead of toggling; then there is nothing left to go back to."""
    third = (await service.define_skill(ticket_skill(prompt="A third.", examples=[]), actor)).version
    await service.promote("tickets", better, "a", actor)
    await service.promote("tickets", third, "b", actor, force=True)
    moves = [await service.rollback("tickets", reason, actor) for reason in ("worse", "still worse")]
    assert [(moved.before, moved.after) for moved in moves] == [(third, better), (better, 1)]
    with pytest.raises(Conflict, match="nothing to go back to"):
        await service.rollback("tickets", "more", actor)
    assert await production(service) == 1
    assert len(await service.versions("tickets")) == 3


@pytest.mark.parametrize("to_version", [None, 1])
async def test_a_rollback_that_is_sent_again_moves_nothing_more(
    service: Service, better: int, actor: Actor, ticket_skill: Callable[..., SkillDefinition], to_version: int | None
) -> None:
    """A client that got no answer repeats its call; it must not end one version further back."""
    third = (await service.define_skill(ticket_skill(prompt="A third.", examples=[]), actor)).version
    await service.promote("tickets", better, "a", actor)
    await service.promote("tickets", third, "b", actor, force=True)
    first = await service.rollback("tickets", "worse", actor, to_version=to_version)
    again = await service.rollback("tickets", " worse ", actor, to_version=to_version)
    assert again.evidence == "Rolled back already; nothing was moved again."
    assert again.model_copy(update={"evidence": first.evidence}) == first
    assert sum(line.kind == "rollback" for line in await service.history("tickets")) == 1
    assert await production(service) == (to_version or better)


async def test_another_client_or_a_later_rollback_is_no_retry(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """The same words from somebody else, or much later, mean one version further back."""
    async with open_service(database) as service:
        for prompt in ("Second.", "Third.", "Fourth."):
            version = (await service.define_skill(ticket_skill(prompt=prompt, examples=[]), actor)).version
            await service.promote("tickets", version, "up", actor, force=True)
        assert (await service.rollback("tickets", "worse", actor)).after == 3
        assert (await service.rollback("tickets", "worse", Actor("assistant", "Claude 1"))).after == 2
    async with open_service(database, hours=1) as later:
        assert (await later.rollback("tickets", "worse", Actor("assistant", "Claude 1"))).after == 1


async def test_a_promotion_is_recorded_with_all_that_it_rests_on(
    service: Service, better: int, actor: Actor, database: Path
) -> None:
    """Before, after, the difference and the evidence in fields: what was known then can be read later."""
    moved = await service.promote("tickets", better, "why", actor)
    with closing(sqlite3.connect(database)) as db:
        before, after, data = db.execute("SELECT before, after, data FROM events WHERE kind = 'promote'").fetchone()
    recorded = json.loads(data)
    assert (before, after) == (1, better)
    assert (recorded["evidence"], recorded["diff"], recorded["forced"]) == (moved.evidence, moved.diff, False)
    assert recorded["judged"]["verdict"] == "ready"
    assert recorded["judged"]["product"] >= 20
    assert recorded["judged"]["votes"]["verdict"] == "open"


async def test_a_rollback_can_name_its_version_if_it_was_in_production(
    service: Service, better: int, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Going back is no way around the gate for a version that never passed it."""
    third = (await service.define_skill(ticket_skill(prompt="A third.", examples=[]), actor)).version
    with pytest.raises(Conflict, match="has never been in production; promote it"):
        await service.rollback("tickets", "why", actor, to_version=third)
    with pytest.raises(Conflict, match="in production already"):
        await service.rollback("tickets", "why", actor, to_version=1)
    await service.promote("tickets", better, "a", actor)
    await service.promote("tickets", third, "b", actor, force=True)
    assert (await service.rollback("tickets", "why", actor, to_version=1)).after == 1


async def test_the_history_tells_everything_in_plain_sentences(
    service: Service,
    better: int,
    actor: Actor,
    ticket_skill: Callable[..., SkillDefinition],
    tickets: Callable[..., Any],
) -> None:
    """Newest first, with who and why; also a new version and new examples, which move nothing."""
    await service.define_skill(ticket_skill(examples=tickets(2, start=700)), Actor("assistant", "Claude 1"))
    await service.promote("tickets", better, "it is right", actor)
    await service.rollback("tickets", "it was not", actor)
    lines = await service.history("tickets")
    promoted = lines[1].sentence
    assert promoted.startswith(f"'tickets': version 1 -> {better} promoted by test client 1 (Ready: +")
    assert promoted.endswith("Reason: it is right")
    assert [line.sentence for line in lines] == [
        f"'tickets': rolled back from version {better} to 1 by test client 1: it was not",
        promoted,
        "'tickets': 2 examples added by Claude 1.",
        f"'tickets': version {better} written by test client 1.",
        "Skill 'tickets' was defined by test client 1; version 1 went into production.",
    ]
    assert [line.id for line in await service.history("tickets", before_id=lines[1].id, limit=2)] == [
        lines[2].id,
        lines[3].id,
    ]
    assert await service.history() == lines


async def test_listeners_hear_of_a_change_after_it_happened(service: Service, better: int, actor: Actor) -> None:
    """Subscribers may read at once what they are told of; a refused change is not told."""
    heard: list[tuple[str, str | None]] = []
    service.on_change = lambda change: heard.append((change.kind, change.skill))
    with pytest.raises(Conflict):
        await service.promote("tickets", 1, "why", actor)
    assert heard == []
    await service.promote("tickets", better, "why", actor)
    await service.rollback("tickets", "why", actor)
    # Both versions are measured for the first time, by the first of the two.
    assert heard == [("measured", "tickets")] * 2 + [("production", "tickets")] * 2


async def test_evidence_is_measured_once(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """What is stored is not measured again, until the gate split or the rules of judging change."""
    model = ScriptedModel(lambda _: "billing, delivery or technical")
    async with open_service(database, model) as service:
        first = (await service.fitness("tickets")).version
        with closing(sqlite3.connect(database)) as db:
            db.execute("DELETE FROM reply_cache")
            db.commit()
        asked = model.calls
        assert (await service.fitness("tickets")).version == first
        assert model.calls == asked
        await service.define_skill(ticket_skill(examples=[], metric="contains"), actor)
        assert (await service.skills())[0].gate is None
        second = (await service.fitness("tickets")).version
        assert (await service.skills())[0].gate is not None
    assert first is not None
    assert second is not None
    assert first.gate is not None
    assert second.gate is not None
    assert (first.gate.accuracy, second.gate.accuracy) == (0.0, 1.0)
