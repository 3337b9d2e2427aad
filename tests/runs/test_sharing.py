"""One run, several processes: joining, taking over, cancelling, and what an owner may still write that is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptbreeder.errors import Conflict, InvalidInput, ModelCrashed, NotFound
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import RunReport
from promptbreeder.runs import engine
from promptbreeder.service import Service
from promptbreeder.usecases import evolving

pytestmark = pytest.mark.anyio
DEADLINE = 30
_AHEAD_AT = 12
"""A model call at which a candidate is ahead on the whole search split."""


class _NeverOpen(ScriptedModel):
    """A model that loads for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.opening = anyio.Event()

    async def open(self) -> None:
        """Begin."""
        self.opening.set()
        await anyio.sleep_forever()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(evolving, "PROGRESS_SECONDS", 0.01)
    monkeypatch.setattr(evolving, "CANCEL_POLL_SECONDS", 0.01)
    monkeypatch.setattr(evolving, "CANCEL_SECONDS", DEADLINE)


async def test_an_owner_that_lost_its_lease_writes_nothing_more(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    everything: Callable[[Path], list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A process that slept beyond its lease wakes up to a run that another one has finished, and leaves it alone."""
    asleep = held_model(4)
    async with open_service(database, asleep) as late:
        run = await evolve(late, wait=0)
        await asleep.reached.wait()
        async with open_service(database, hours=1) as quick:
            assert (await evolve(quick, run_id=run.run_id)).status == "finished"
        after = everything(database)
        asleep.release.set()
        await late.engine.wait(run.run_id)
        assert everything(database) == after
    assert everything(database) == after
    assert "was taken over" in caplog.text


async def test_a_lease_from_before_the_clock_went_back_holds_nobody_up(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], held_model: Callable[[int], Any]
) -> None:
    """A dead owner's lease that ends in two hours would else keep the run, and its skill, from everybody that long."""
    model = held_model(4)
    async with open_service(database, model, hours=2) as ahead:
        run = await evolve(ahead, wait=0)
        await model.reached.wait()
        async with open_service(database) as service:
            assert (await evolve(service, run_id=run.run_id)).status == "finished"


@pytest.mark.parametrize("hold_at", [1, 5])
async def test_any_process_can_cancel_a_run(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
    *,
    hold_at: int,
) -> None:
    """The owner notices although its model is busy, and concludes with what was measured so far; that is waited for."""
    model = held_model(hold_at)
    async with open_service(database, model) as owner, open_service(database) as other:
        run = await evolve(owner, wait=0)
        await model.reached.wait()
        report = await other.cancel_run(run.run_id, actor)
        assert report.status == "cancelled"
        assert report.verdict.endswith("The run was cancelled.")
        assert "budget" not in report.verdict
        assert (await other.history("tickets", limit=1))[0].kind == "evolved"
        with pytest.raises(Conflict, match="already ended"):
            await other.cancel_run(run.run_id, actor)


async def test_a_run_that_another_process_has_yet_to_stop_is_said_to_be_cancelled_soon(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would look like a run that nobody cancelled; to cancel it once more is no error."""
    monkeypatch.setattr(engine, "POLL_SECONDS", 3600)
    monkeypatch.setattr(evolving, "CANCEL_SECONDS", 0)
    model = held_model(_AHEAD_AT)
    async with open_service(database, model) as owner, open_service(database) as other:
        run = await evolve(owner, wait=0)
        await model.reached.wait()
        assert (await other.get_run(run.run_id)).eta_seconds is not None
        for report in [await other.cancel_run(run.run_id, actor) for _ in range(2)]:
            assert (report.status, report.eta_seconds) == ("running", None)
            assert report.verdict == "Cancellation was requested; the process that drives it has yet to stop."
            assert report.next_step == f"get_run('{run.run_id}') to follow it."


async def test_a_run_that_nobody_drives_is_cancelled_at_once(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], actor: Actor
) -> None:
    """There is nobody to wait for; afterwards a new run can begin."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        assert (await service.cancel_run(run.run_id, actor)).status == "cancelled"
        again = await evolve(service)
    assert again.run_id != run.run_id
    assert again.status == "finished"


async def test_cancelling_a_paused_run_keeps_its_best_prompt_as_cancelling_a_live_one_does(  # noqa: PLR0917  fixtures
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    winner: Callable[[Path], Any],
    actor: Actor,
) -> None:
    """It is found in the journal: the model may have changed meanwhile, or be gone, and is asked nothing."""
    live, paused = copy_of("live"), copy_of("paused")
    model = held_model(_AHEAD_AT)
    async with open_service(live, model) as service:
        run = await evolve(service, wait=0)
        await model.reached.wait()
        expected = await service.cancel_run(run.run_id, actor)
    async with open_service(paused, ScriptedModel(fail_at={_AHEAD_AT: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    other = ScriptedModel(name="other")
    async with open_service(paused, other) as service:
        cancelled = await service.cancel_run(run.run_id, actor)
    assert other.calls == 0
    assert (cancelled.status, cancelled.version, cancelled.verdict) == ("cancelled", 2, expected.verdict)
    assert winner(paused) == winner(live) is not None


async def test_a_run_that_is_cancelled_before_it_has_gone_on_keeps_its_best_prompt(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], actor: Actor
) -> None:
    """A resumed run first loads its model, which takes a while; what it had found is not lost to who cancels then."""
    async with open_service(database, ScriptedModel(fail_at={_AHEAD_AT: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    model = _NeverOpen()
    async with open_service(database, model) as service:
        await evolve(service, run_id=run.run_id, wait=0)
        await model.opening.wait()
        assert (await service.cancel_run(run.run_id, actor)).version == 2


async def test_a_cancelled_run_promotes_nothing_by_itself(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """Who cancels does not wait for measurements that follow; the version is there to be promoted."""
    model = held_model(_AHEAD_AT)
    async with open_service(database, model) as service:
        await service.define_skill(ticket_skill(examples=[], settings={"opt_in_auto_promote": True}), actor)
        run = await evolve(service, wait=0)
        await model.reached.wait()
        asked = model.calls
        assert (await service.cancel_run(run.run_id, actor)).version == 2
        assert model.calls == asked
        assert (await service.skills())[0].production == 1


async def test_a_run_whose_process_ended_before_it_began_is_resumed(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written as queued, and nobody would ever begin it."""

    async def killed(*_: object) -> None:
        raise KeyboardInterrupt

    async with open_service(database) as service:
        with monkeypatch.context() as patched:
            patched.setattr(engine.Engine, "start", killed)
            with pytest.raises(KeyboardInterrupt):
                await evolve(service, wait=0)
    async with open_service(database, hours=1) as later:
        (run,) = await later.runs("tickets")
        assert (run.status, run.verdict) == ("paused", "The process that drove it is gone.")
        assert (await evolve(later, run_id=run.run_id)).status == "finished"


async def test_cancelling_a_run_that_cannot_be_replayed_says_that_no_version_was_made(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is over all the same: nobody is told to resume it, its best prompt is shown, and a new run can begin."""
    async with open_service(database, ScriptedModel(fail_at={_AHEAD_AT: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        with monkeypatch.context() as patched:
            patched.setattr("promptbreeder.runs.plan.ENGINE_VERSION", -1)
            cancelled = await service.cancel_run(run.run_id, actor)
        assert (cancelled.status, cancelled.version, cancelled.best) == ("cancelled", None, run.best)
        assert "no version was made: its journal cannot be replayed" in cancelled.verdict
        assert "to a new run as a candidate" in cancelled.verdict
        assert "resume" not in str(cancelled)
        assert (await evolve(service)).run_id != run.run_id


async def test_a_run_whose_driver_was_killed_is_told_as_paused_when_its_lease_has_run_out(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], held_model: Callable[[int], Any]
) -> None:
    """Its row says `running` for ever; whoever asks must hear how to go on, not to follow what nobody drives."""
    model = held_model(_AHEAD_AT)
    async with open_service(database, model) as killed, open_service(database, hours=1) as later:
        run = await evolve(killed, wait=0)
        await model.reached.wait()
        assert (await killed.get_run(run.run_id)).status == "running"
        found = await later.get_run(run.run_id, wait_seconds=DEADLINE)
        assert [run.model_dump() for run in await later.runs("tickets")] == [found.model_dump()]
        assert (found.status, found.eta_seconds) == ("paused", None)
        assert found.verdict.startswith("The process that drove it is gone.")
        assert f"evolve_prompt(skill='tickets', run_id='{run.run_id}') resumes it" in found.next_step
        with pytest.raises(Conflict, match=f"run {run.run_id} of 'tickets' is paused"):
            await evolve(later, seed=2)


@pytest.mark.parametrize("how", ["evolve", "cancel"])
async def test_a_run_whose_driver_was_killed_before_it_heard_of_the_cancel_counts_as_cancelled(  # noqa: PLR0917
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    """It keeps no other run from beginning, and whoever begins one or cancels once more keeps its best prompt."""
    monkeypatch.setattr(engine, "POLL_SECONDS", 3600)
    model = held_model(_AHEAD_AT)
    async with open_service(database, model) as killed, open_service(database, hours=1) as later:
        run = await evolve(killed, wait=0)
        await model.reached.wait()
        async with open_service(database) as other:
            with monkeypatch.context() as patched:
                patched.setattr(evolving, "CANCEL_SECONDS", 0)
                assert (await other.cancel_run(run.run_id, actor)).status == "running"
        found = await later.get_run(run.run_id)
        assert (found.status, found.version) == ("cancelled", None)
        assert "Cancel it once more." in found.verdict
        assert f"cancel_run('{run.run_id}') keeps its best prompt" in found.next_step
        if how == "evolve":
            assert (await evolve(later, seed=2)).status == "finished"
        else:
            await later.cancel_run(run.run_id, actor)
        found = await later.get_run(run.run_id)
    assert (found.status, found.version) == ("cancelled", 2)


async def test_a_run_is_followed_to_its_end_where_the_computer_slept_longer_than_its_lease(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], held_model: Callable[[int], Any]
) -> None:
    """The process that waits for it is the one that drives it: nobody has to go on with it."""
    model, hours = held_model(4), [0]
    async with open_service(database, model, clock=lambda: 3600.0 * hours[0]) as service:
        run = await evolve(service, wait=0)
        await model.reached.wait()
        hours[0] = 1

        async def wake(report: RunReport) -> None:
            if report.status == "paused":
                model.release.set()

        ended = await service.get_run(run.run_id, wait_seconds=DEADLINE, on_progress=wake)
    assert ended.status == "finished"


async def test_the_same_arguments_join_the_run_and_others_are_a_conflict(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], held_model: Callable[[int], Any]
) -> None:
    """Asking twice does not spend twice; asking for something else while a run is going on is told what to do."""
    model = held_model(4)
    async with open_service(database, model) as service, open_service(database) as other:
        run = await evolve(service, wait=0)
        await model.reached.wait()
        for follower in (service, other):
            assert (await evolve(follower, wait=0)).run_id == run.run_id
            with pytest.raises(Conflict, match=f"cancel_run.*{run.run_id}.*same arguments"):
                await evolve(follower, wait=0, seed=2)
        model.release.set()
        assert (await evolve(service)).status == "finished"


async def test_a_run_is_not_resumed_with_other_arguments_than_it_began_with(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """They would be of no effect; its own, and what is left out, are none, and candidates are always taken."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service, seed=3)
        told = "budget_tokens 60000, not 500000, seed 3, not 9. Leave them out to resume it; or end it with cancel_run"
        with pytest.raises(InvalidInput, match=told):
            await evolve(service, run_id=run.run_id, budget_tokens=500_000, seed=9, generations=2)
        assert (await service.get_run(run.run_id)).status == "paused"
        candidates = ["Name the queue."]
        again = await evolve(service, run_id=run.run_id, profile="smollm2", budget_tokens=60_000, candidates=candidates)
    assert (again.run_id, again.status, again.budget_tokens) == (run.run_id, "finished", 60_000)


async def test_calls_at_the_same_moment_start_one_run(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """A client that repeats its request must not be told that another process drives the run."""
    reports: list[RunReport] = []

    async def ask(service: Service) -> None:
        reports.append(await evolve(service))

    async with open_service(database) as one, open_service(database) as two, anyio.create_task_group() as group:
        for service in (one, one, two, two):
            group.start_soon(ask, service)
    assert len(reports) == 4
    assert len({report.run_id for report in reports}) == 1


async def test_calls_at_the_same_moment_resume_one_run(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Two that take the run over together: one drives it, the other follows."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        reports: list[RunReport] = []

        async def ask() -> None:
            reports.append(await evolve(service, run_id=run.run_id))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
    assert [report.status for report in reports] == ["finished"] * 2


async def test_a_run_is_told_of_while_it_goes_on(
    database: Path, open_service: Callable[..., Service], held_model: Callable[[int], Any], actor: Actor
) -> None:
    """Waiting ends with the time that was given for it, and the report says how to follow the run."""
    model, told = held_model(5), []
    request = EvolveRequest(skill="tickets", generations=2, population=6)
    async with open_service(database, model) as service:
        first = await service.evolve(request, actor, wait_seconds=0)
        await model.reached.wait()
        going = await service.get_run(first.run_id)
        model.release.set()

        async def tell(report: RunReport) -> None:
            told.append(report.status)

        await service.get_run(first.run_id, wait_seconds=DEADLINE, on_progress=tell)
        ended = await service.get_run(first.run_id)
    assert going.status == "running"
    assert going.baseline is not None
    assert f"get_run('{first.run_id}')" in going.next_step
    assert told[-1] == ended.status == "finished"
    assert 0 < going.tokens < ended.tokens


async def test_a_run_belongs_to_its_skill(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """A run id that is unknown, or another skill's, is refused by name."""
    async with open_service(database, ScriptedModel(fail_at={1: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        with pytest.raises(InvalidInput, match="belongs to skill 'tickets', not 'others'"):
            await evolve(service, run_id=run.run_id, skill="others")
        with pytest.raises(NotFound, match="no run 'r-nothing'"):
            await evolve(service, run_id="r-nothing")
        with pytest.raises(InvalidInput, match="lone surrogates"):
            await service.get_run("\udcff\0")


@pytest.mark.parametrize("call", [16, 18, 22])
async def test_a_cancelled_run_keeps_the_same_whoever_concludes_it(  # noqa: PLR0917  fixtures
    call: int,
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    winner: Callable[[Path], Any],
    actor: Actor,
) -> None:
    """Cancelled while a model is being asked, or after its process stopped there: the journal alone decides.

    Catches a driver that also counts what it was just measuring, and makes a version of results that are not stored.
    """
    how = {"strategy": "evoprompt-ga", "profile": "paper", "population": None, "budget_tokens": 200_000, "wait": 0}
    live, stopped = copy_of("live"), copy_of("stopped")
    held = held_model(call)
    async with open_service(live, held) as service:
        run = await evolve(service, **how)
        await held.reached.wait()
        await service.cancel_run(run.run_id, actor)
        cancelled = await service.get_run(run.run_id)
    async with open_service(stopped, ScriptedModel(fail_at={call: ModelCrashed("gone")})) as service:
        run = await evolve(service, **{**how, "wait": DEADLINE})
        await service.cancel_run(run.run_id, actor)
        concluded = await service.get_run(run.run_id)
    assert (cancelled.status, concluded.status) == ("cancelled", "cancelled")
    assert (cancelled.version, cancelled.verdict) == (concluded.version, concluded.verdict)
    assert winner(live) == winner(stopped)
