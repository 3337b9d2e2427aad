"""A process hears of what others do with the same database, and of nothing where only itself did something."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.service import Change, Service
from promptbreeder.skill import Example

pytestmark = pytest.mark.anyio
Act = Callable[[Service, Actor], Awaitable[object]]


@pytest.fixture
async def other(database: Path, open_service: Callable[..., Service], service: Service) -> AsyncIterator[Service]:
    """Return a service of another process, open for as long as the first."""
    del service
    async with open_service(database) as opened:
        yield opened


async def _define(service: Service, actor: Actor) -> object:
    return await service.define_skill(SkillDefinition(name="tickets", description="d", prompt="Other words."), actor)


async def _add(service: Service, actor: Actor) -> object:
    return await service.add_examples("tickets", [Example(input="Where is it?", expected="delivery")], actor)


async def _retire(service: Service, actor: Actor) -> object:
    return await service.retire_example("tickets", 1, actor)


async def _promote_and_back(service: Service, actor: Actor) -> object:
    await _define(service, actor)
    await service.promote("tickets", 2, "better", actor, force=True)
    return await service.rollback("tickets", "worse", actor)


async def _vote(service: Service, actor: Actor) -> object:
    await _define(service, actor)
    duel = await service.compare("tickets", text="Where is my parcel?", a=1, b=2)
    return await service.vote(duel.duel_id, "tie", actor)


async def _evolve(service: Service, actor: Actor) -> object:
    request = EvolveRequest(skill="tickets", generations=2, budget_tokens=40_000)
    return await service.evolve(request, actor, wait_seconds=60)


async def _measure(service: Service, actor: Actor) -> object:
    del actor
    return await service.fitness("tickets")


@pytest.mark.parametrize(
    ("act", "kinds"),
    [
        (_define, {"skills"}),
        (_add, {"skills"}),
        (_retire, {"skills"}),
        (_promote_and_back, {"skills", "production", "measured"}),
        (_evolve, {"run", "version", "history", "measured"}),
        (_measure, {"measured"}),
        (_vote, {"skills", "history"}),
    ],
)
async def test_what_another_process_did_is_told_once(
    service: Service, other: Service, actor: Actor, act: Act, kinds: set[str]
) -> None:
    """Each kind of change one time however often it happened, and a run with its id."""
    mark, told = await service.changes_of_others(None)
    assert told == ()
    await act(other, actor)
    mark, told = await service.changes_of_others(mark)
    assert {change.kind for change in told} == kinds
    assert {change.skill for change in told} == {"tickets"}
    assert len(set(told)) == len(told)
    assert all((change.run_id is not None) == (change.kind == "run") for change in told)
    assert (await service.changes_of_others(mark))[1] == ()


async def test_what_this_process_did_is_not_told(service: Service, actor: Actor) -> None:
    """It has been told when it was done."""
    mark, _ = await service.changes_of_others(None)
    await _define(service, actor)
    assert (await service.changes_of_others(mark))[1] == ()


async def test_a_run_is_told_of_after_the_clock_went_back(
    database: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """At once, and one from before that seems to come from the future is not told of again and again."""
    now = 1_800_000_000.0
    async with (
        open_service(database, clock=lambda: now) as service,
        open_service(database, clock=lambda: now) as other,
    ):
        await _evolve(other, actor)
        mark, _ = await service.changes_of_others(None)
        for act in (_evolve, _define, _evolve):
            now -= 3_600
            known = {run.run_id for run in await other.runs("tickets")}
            await act(other, actor)
            new = {run.run_id for run in await other.runs("tickets")} - known
            mark, told = await service.changes_of_others(mark)
            assert {change.run_id for change in told if change.kind == "run"} == new
            assert bool(new) is (act is _evolve)


async def test_a_restored_backup_changes_every_skill(
    service: Service, other: Service, actor: Actor, open_service: Callable[..., Service], database: Path
) -> None:
    """Whatever was read before may be otherwise now."""
    copy = await other.backup()
    await _define(service, actor)
    await service.define_skill(SkillDefinition(name="later", description="d", prompt="p"), actor)
    mark, _ = await service.changes_of_others(None)
    async with open_service(database) as third:
        await third.restore(str(copy), actor)
    assert (await service.changes_of_others(mark))[1] == (Change("skills", "tickets"),)


async def test_a_restored_backup_is_seen_though_the_history_is_as_long_as_before(
    service: Service, other: Service, actor: Actor, open_service: Callable[..., Service], database: Path
) -> None:
    """One action since the backup, and its place in the history is taken by the restoring."""
    await _define(service, actor)
    copy = await other.backup()
    await service.promote("tickets", 2, "better", actor, force=True)
    mark, _ = await service.changes_of_others(None)
    async with open_service(database) as third:
        await third.restore(str(copy), actor)
    assert (await service.changes_of_others(mark))[1] == (Change("skills", "tickets"),)
    assert (await service.skills())[0].production == 1


async def test_a_restored_backup_changes_runs_however_old(
    service: Service, other: Service, actor: Actor, open_service: Callable[..., Service], database: Path
) -> None:
    """A run of the backup may have gone on since, so it is told of like the skills."""
    async with open_service(database, hours=-2) as earlier:
        await _evolve(earlier, actor)
    (old,) = await other.runs("tickets")
    copy = await other.backup()
    await _evolve(other, actor)
    mark, _ = await service.changes_of_others(None)
    await other.restore(str(copy), actor)
    assert set((await service.changes_of_others(mark))[1]) == {
        Change("skills", "tickets"),
        Change("run", "tickets", old.run_id),
    }


async def test_looking_at_a_database_that_is_not_there_makes_none(
    tmp_path: Path, open_service: Callable[..., Service], actor: Actor
) -> None:
    """A server that nobody uses leaves nothing behind; what another process begins with is told all the same."""
    path = tmp_path / "home" / "new.db"
    async with open_service(path) as looking, open_service(path) as other:
        mark, told = await looking.changes_of_others(None)
        assert told == ()
        assert await looking.changes_of_others(mark) == (mark, ())
        assert not path.parent.exists()
        await _define(other, actor)
        assert (await looking.changes_of_others(mark))[1] == (Change("skills", "tickets"),)
