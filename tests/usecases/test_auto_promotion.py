"""Promotion without a call: only where the skill opted in, only on evidence, and told for what it is."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from promptbreeder.errors import ModelCrashed, StoreUnavailable
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import VoteReport
from promptbreeder.service import Service
from promptbreeder.store.database import Database
from promptbreeder.store.tables import Tables

from .conftest import Overtaken, first_word_or_billing

pytestmark = pytest.mark.anyio
Definition = Callable[..., SkillDefinition]
NUMBERS = itertools.count(1_000)
"""An input counts once."""


async def production(service: Service) -> int:
    """Return the version of the only skill that is in production."""
    return (await service.skills())[0].production


async def opt_in(service: Service, ticket_skill: Definition, actor: Actor, *, so: bool = True) -> None:
    """Set the skill's choice."""
    await service.define_skill(ticket_skill(examples=[], settings={"opt_in_auto_promote": so}), actor)


async def prefer(service: Service, version: int, actor: Actor) -> VoteReport:
    """Vote for a version that answers `delivery` to a parcel."""
    duel = await service.compare("tickets", text=f"Ticket {next(NUMBERS)}: parcel, parcel", b=version)
    return await service.vote(duel.duel_id, "A" if duel.a == "delivery" else "B", actor)


@pytest.mark.parametrize("opted_in", [True, False])
async def test_a_run_promotes_what_it_made_ready_if_the_skill_opted_in(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Definition, *, opted_in: bool
) -> None:
    """The system is named as who did it, with the evidence; otherwise production stays until somebody asks."""
    async with open_service(database) as service:
        await opt_in(service, ticket_skill, actor, so=opted_in)
        request = EvolveRequest(skill="tickets", generations=2, population=6, budget_tokens=60_000)
        run = await service.evolve(request, actor, wait_seconds=300)
        assert run.version is not None
        assert await production(service) == (run.version if opted_in else 1)
        moves = [line for line in await service.history("tickets") if line.kind == "promote"]
        assert len(moves) == opted_in
        for move in moves:
            assert (move.actor, move.before, move.after) == ("system", 1, run.version)
            assert "Ready: +" in move.sentence


async def test_the_vote_that_completes_the_evidence_promotes(
    service: Service, fair: int, actor: Actor, ticket_skill: Definition
) -> None:
    """No vote before it does; its result says what followed."""
    await opt_in(service, ticket_skill, actor)
    report = await prefer(service, fair, actor)
    while report.verdict == "open" and report.notice is None:
        assert await production(service) == 1
        report = await prefer(service, fair, actor)
    assert report.notice is not None
    assert report.notice.startswith("Promoted by itself: Ready: +")
    assert await production(service) == fair


async def test_votes_alone_do_not_promote_where_nobody_opted_in(service: Service, fair: int, actor: Actor) -> None:
    """However many."""
    for _ in range(8):
        assert (await prefer(service, fair, actor)).notice is None
    assert await production(service) == 1


async def test_what_was_rolled_back_is_not_promoted_by_itself_again(
    service: Service, better: int, actor: Actor, ticket_skill: Definition
) -> None:
    """Somebody had a reason; a call of promote can still do it."""
    await service.promote("tickets", better, "why", actor)
    await service.rollback("tickets", "users disagree", actor)
    await opt_in(service, ticket_skill, actor)
    assert (await prefer(service, better, actor)).notice is None
    assert await production(service) == 1
    await service.promote("tickets", better, "they changed their minds", actor)


async def test_a_vote_counts_also_where_the_model_is_gone(
    database: Path, open_service: Callable[..., Service], actor: Actor, ticket_skill: Definition
) -> None:
    """What cannot be judged is not promoted, and the vote is no less a vote."""
    async with open_service(database) as service:
        await opt_in(service, ticket_skill, actor)
        await service.define_skill(ticket_skill(prompt="Another.", examples=[]), actor)
        duel = await service.compare("tickets", text="parcel")
    async with open_service(database, ScriptedModel(fail_at={1: ModelCrashed("the model died")})) as service:
        report = await service.vote(duel.duel_id, "tie", actor)
        assert (report.ties, report.notice) == (1, None)
        assert await production(service) == 1


async def test_a_vote_counts_also_where_the_store_cannot_be_read_after_it(
    service: Service, better: int, actor: Actor, ticket_skill: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored, so whoever voted must not be told that it failed, and vote again."""
    await opt_in(service, ticket_skill, actor)
    duel = await service.compare("tickets", text="parcel", b=better)
    write = Database.write

    async def unreadable(*_: object) -> None:
        raise StoreUnavailable("the disk is gone")

    async def last_write(self: Database, work: Callable[[Tables], object]) -> object:
        done = await write(self, work)
        monkeypatch.setattr(Database, "read", unreadable)
        return done

    monkeypatch.setattr(Database, "write", last_write)
    report = await service.vote(duel.duel_id, "tie", actor)
    monkeypatch.undo()
    assert (report.ties, report.notice) == (1, None)
    assert await production(service) == 1


@pytest.mark.parametrize("what", ["opted out", "rolled back"])
async def test_what_happens_while_a_version_is_measured_is_minded(  # noqa: PLR0917  what it takes for two processes
    service: Service,
    reader: Overtaken,
    better: int,
    database: Path,
    open_service: Callable[..., Service],
    actor: Actor,
    ticket_skill: Definition,
    what: str,
) -> None:
    """Another process opts out, or promotes the version and takes it back: the vote counts, and nothing is moved."""
    await opt_in(service, ticket_skill, actor)
    duel = await service.compare("tickets", text="parcel", b=better)
    async with open_service(database, ScriptedModel(first_word_or_billing)) as other:

        async def meanwhile() -> None:
            if what == "opted out":
                await opt_in(other, ticket_skill, actor, so=False)
            else:
                await other.promote("tickets", better, "a try", actor)
                await other.rollback("tickets", "it harms", actor)

        reader.meanwhile = meanwhile
        report = await service.vote(duel.duel_id, "tie", actor)
    assert reader.meanwhile is None
    assert (report.ties, report.notice) == (1, None)
    assert await production(service) == 1


@pytest.mark.parametrize("allowed", [["free"], ["free", "constrained"]])
async def test_a_decoding_that_is_not_allowed_is_not_promoted_by_itself(
    service: Service, constrained: int, actor: Actor, ticket_skill: Definition, allowed: list[str]
) -> None:
    """However good the version is; it is from before the skill was redefined."""
    settings = {"opt_in_auto_promote": True, "allowed_decoding": allowed}
    await service.define_skill(ticket_skill(examples=[], settings=settings), actor)
    duel = await service.compare("tickets", text="parcel", b=constrained)
    report = await service.vote(duel.duel_id, "tie", actor)
    is_allowed = "constrained" in allowed
    assert (report.notice is not None) is is_allowed
    assert await production(service) == (constrained if is_allowed else 1)
