"""The monitor: what it says of live answers, what it does by itself, and what it costs."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptbreeder.errors import Conflict, ModelUnreachable, NotFound
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import SkillCheck
from promptbreeder.service import Service
from promptbreeder.store import events, leases, replies, runs
from promptbreeder.store.database import Database
from promptbreeder.usecases.monitoring import EVERY_SECONDS, LEASE_SECONDS

from .conftest import Overtaken, first_word_or_billing

pytestmark = pytest.mark.anyio
DAY = 86_400.0


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock a little after the skill was defined."""
    return Clock(time.time() + 60)


@pytest.fixture
def model() -> Overtaken:
    """Return the model of this file's service."""
    return Overtaken(first_word_or_billing)


@pytest.fixture
async def service(
    database: Path, open_service: Callable[..., Service], model: ScriptedModel, clock: Clock
) -> AsyncIterator[Service]:
    """Return a service whose clock the test sets."""
    async with open_service(database, model, clock=clock) as opened:
        yield opened


Live = Callable[..., Any]


@pytest.fixture
def live(service: Service, actor: Actor) -> Live:
    """Return a function that runs production and records outcomes: so many right, then so many wrong."""

    async def ran(right: int = 0, wrong: int = 0, *, by: Service = service) -> None:
        for correct in [True] * right + [False] * wrong:
            call = await by.run_skill("tickets", "Something came up")
            await by.record_outcome(call.call_id, actor, correct=correct)

    return ran


@pytest.fixture
def opted_in(service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]) -> Callable[[], Any]:
    """Return a function that lets the monitor act on the skill."""

    async def opt_in() -> None:
        await service.define_skill(ticket_skill(examples=[], settings={"opt_in_drift_actions": True}), actor)

    return opt_in


async def checked(service: Service) -> SkillCheck:
    """Return what the monitor says of the one skill now."""
    (check,) = (await service.monitor()).checks
    return check


async def production(service: Service) -> int:
    """Return the version in production."""
    return (await service.skills())[0].production


@pytest.fixture
async def worse_in_production(service: Service, better: int, actor: Actor) -> int:
    """Put the worse of two versions into production, the better having been there before; return the better."""
    await service.promote("tickets", better, "it is right", actor)
    await service.promote("tickets", 1, "a mistake", actor, force=True)
    return better


# --- What it says


@pytest.mark.parametrize(
    ("right", "wrong", "state", "code"),
    [(10, 9, "not enough data", 3), (20, 0, "ok", 0), (36, 14, "degraded", 1), (8, 12, "failing", 2)],
)
async def test_the_states_and_their_exit_codes(  # noqa: PLR0917 - each is a part of the case
    service: Service, live: Live, clock: Clock, right: int, wrong: int, state: str, code: int
) -> None:
    """The window for failing, the detector for degraded, and nothing is concluded below twenty outcomes."""
    await live(right, wrong)
    clock.now += 8 * DAY
    report = await service.monitor()
    assert (report.checks[0].state, report.exit_code) == (state, code)
    assert report.checks[0].acted is False
    looks = await service.last_looks()
    assert (looks.checks[0].state, looks.exit_code) == (state, code)


async def test_without_skills_there_is_not_enough_data(tmp_path: Path, open_service: Callable[..., Service]) -> None:
    """Exit 3, as for a skill without outcomes."""
    async with open_service(tmp_path / "new.db") as service:
        report = await service.monitor()
    assert (report.exit_code, report.checks) == (3, ())
    assert str(report) == "No skills yet: there is nothing to watch."


async def test_the_worst_skill_decides_the_exit_code(
    service: Service, live: Live, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """One that is not known does not hide one that fails."""
    await service.define_skill(ticket_skill(name="another"), actor)
    await live(wrong=20)
    report = await service.monitor()
    assert [check.state for check in report.checks] == ["not enough data", "failing"]
    assert report.exit_code == 2


async def test_a_last_look_measures_and_does_nothing(
    service: Service, model: ScriptedModel, live: Live, opted_in: Callable[[], Any], stored: Callable[[], list[str]]
) -> None:
    """It tells how the skill stands now, and what the monitor last said."""
    await opted_in()
    await live(wrong=20)
    before, calls = stored(), model.calls
    (check,) = (await service.last_looks()).checks
    assert (check.state, check.action, check.checked_at) == ("failing", "none", None)
    assert check.sentence.endswith("Never checked.")
    assert (stored(), model.calls) == (before, calls)
    await checked(service)
    assert "Checked 20" in (await service.last_looks()).checks[0].sentence


# --- What it does


async def test_without_opting_in_it_says_what_is_due_and_does_nothing(
    service: Service, live: Live, worse_in_production: int
) -> None:
    """Each time, with why; production stays."""
    await live(wrong=20)
    for _ in range(2):
        check = await checked(service)
        assert (check.action, check.acted, check.state) == ("roll back", False, "failing")
        assert "0 of the last 20 right; the version before does no worse" in check.sentence
        assert (
            "rollback('tickets', reason=...) or `promptbreeder-mcp rollback tickets --reason ...` is due"
            in check.sentence
        )
        assert "opt_in_drift_actions" in check.sentence
    assert await production(service) == 1
    assert worse_in_production == 2
    kinds = [line.kind for line in await service.history("tickets")]
    assert kinds == ["drift", "promote", "promote", "extend", "create"]


async def test_a_failing_version_is_rolled_back_and_quarantined(
    service: Service, live: Live, opted_in: Callable[[], Any], worse_in_production: int, database: Path
) -> None:
    """Once, with the evidence and the monitor as the actor in the history; the version that is back starts anew."""
    await opted_in()
    await live(wrong=20)
    check = await checked(service)
    assert (check.action, check.acted, check.production) == ("roll back", True, worse_in_production)
    assert await production(service) == worse_in_production
    line = (await service.history("tickets", limit=1))[0]
    assert (line.kind, line.actor, line.before, line.after) == ("rollback", "system", 1, worse_in_production)
    assert "by promptbreeder-mcp 0.1.0 (monitor): Failing: 0 of the last 20 right" in line.sentence
    again = await checked(service)
    assert (again.state, again.acted, again.drift.n) == ("not enough data", False, 0)
    assert await Database(database).read(lambda db: events.was_production(db, "tickets", 1))


async def test_a_version_whose_predecessor_does_worse_is_not_rolled_back(
    service: Service, live: Live, opted_in: Callable[[], Any], better: int, actor: Actor
) -> None:
    """The target is measured now on the same examples; what remains is to look for a better one."""
    await opted_in()
    await service.promote("tickets", better, "it is right", actor)
    await live(wrong=20)
    check = await checked(service)
    assert (check.action, check.acted) == ("evolve", True)
    assert await production(service) == better
    assert check.run_id is not None
    await service.cancel_run(check.run_id, actor)


@pytest.mark.parametrize("what", ["redefined", "moved"])
@pytest.mark.parametrize("due", ["roll back", "evolve"])
async def test_what_changes_while_the_monitor_measures_keeps_it_from_acting(  # noqa: PLR0917  two processes
    service: Service,
    model: Overtaken,
    live: Live,
    opted_in: Callable[[], Any],
    better: int,
    database: Path,
    open_service: Callable[..., Service],
    actor: Actor,
    ticket_skill: Callable[..., SkillDefinition],
    what: str,
    due: str,
) -> None:
    """Another process opts out, or moves production there and back: what is due is said, and not done."""
    await service.promote("tickets", better, "it is right", actor)
    if due == "roll back":
        await service.promote("tickets", 1, "a mistake", actor, force=True)
    await opted_in()
    await live(wrong=20)
    new = [{"input": f"Case {number}: a parcel", "expected": "delivery", "split": "gate"} for number in range(2)]
    await service.define_skill(ticket_skill(examples=new), actor)
    before = await production(service)
    async with open_service(database, ScriptedModel(first_word_or_billing)) as other:

        async def meanwhile() -> None:
            if what == "redefined":
                await other.define_skill(ticket_skill(examples=[], settings={"opt_in_drift_actions": False}), actor)
            else:
                await other.promote("tickets", 3 - before, "a try", actor, force=True)
                await other.rollback("tickets", "it harms", actor)

        model.meanwhile = meanwhile
        check = await checked(service)
    assert (check.action, check.acted, check.run_id) == (due, False, None)
    assert f"{what} in the meantime" in check.sentence
    assert await production(service) == before
    assert await service.runs("tickets") == ()


async def test_the_monitor_does_not_go_back_to_a_decoding_that_is_not_allowed(
    service: Service,
    live: Live,
    constrained: int,
    actor: Actor,
    ticket_skill: Callable[..., SkillDefinition],
) -> None:
    """It says so, and looks for another prompt; a person can go back all the same."""
    await service.promote("tickets", constrained, "it is right", actor)
    await service.promote("tickets", 1, "it decodes freely", actor, force=True)
    settings = {"opt_in_drift_actions": True, "allowed_decoding": ["free"]}
    await service.define_skill(ticket_skill(examples=[], settings=settings), actor)
    await live(wrong=20)
    check = await checked(service)
    assert (check.action, check.acted) == ("evolve", True)
    assert f"The monitor does not go back: Version {constrained} answers by constrained decoding" in check.sentence
    assert check.run_id is not None
    await service.cancel_run(check.run_id, actor)
    assert await production(service) == 1
    assert (await service.rollback("tickets", "for now", actor)).after == constrained


async def test_an_evolution_is_started_once_in_seven_days(
    service: Service, live: Live, opted_in: Callable[[], Any], clock: Clock, actor: Actor
) -> None:
    """Cancelled or not, and whatever the clock does; after that again, with another seed."""
    await opted_in()
    started = clock.now
    runs = []
    for at, expected in ((0.0, True), (6.9, False), (-30.0, False), (7.0, True)):
        clock.now = started + at * DAY
        await live(wrong=20)
        check = await checked(service)
        assert check.acted is expected, at
        if check.run_id is not None:
            runs.append(check.run_id)
            await service.cancel_run(check.run_id, actor)
    assert len(set(runs)) == 2
    evolves = [line for line in await service.history("tickets") if line.kind == "evolve"]
    assert {line.client for line in evolves} == {"promptbreeder-mcp 0.1.0 (monitor)"}
    assert len(evolves) == 2


async def test_the_detector_begins_anew_with_an_evolution(
    service: Service, live: Live, opted_in: Callable[[], Any], clock: Clock, actor: Actor
) -> None:
    """An evolution is the answer to what was seen before it, also one that was started by hand; the window stays."""
    await opted_in()
    clock.now += 8 * DAY
    await live(36, 14)
    check = await checked(service)
    assert (check.state, check.action, check.acted) == ("degraded", "evolve", True)
    assert check.run_id is not None
    await service.cancel_run(check.run_id, actor)
    check = await checked(service)
    assert (check.state, check.drift.right, check.drift.n, check.drift.evidence) == ("ok", 36, 50, 1.0)


async def test_an_evolution_that_cannot_start_counts_too(
    service: Service, clock: Clock, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Too few examples: it is said, and not tried again every hour."""
    settings = {"opt_in_drift_actions": True}
    await service.define_skill(ticket_skill(name="small", examples=[], settings=settings), actor)
    for _ in range(20):
        call = await service.run_skill("small", "x")
        await service.record_outcome(call.call_id, actor, correct=False)
    check = next(check for check in (await service.monitor()).checks if check.skill == "small")
    assert (check.action, check.acted) == ("evolve", False)
    assert "could not be started: 'small' has 0 search examples" in check.sentence
    clock.now += EVERY_SECONDS
    check = next(check for check in (await service.monitor()).checks if check.skill == "small")
    assert check.action == "skipped"
    assert "Failing: 0 of the last 20" in check.sentence


async def test_a_run_that_is_going_on_is_not_doubled(  # noqa: PLR0917 - what it takes for two processes
    database: Path,
    open_service: Callable[..., Service],
    live: Live,
    opted_in: Callable[[], Any],
    service: Service,
    actor: Actor,
) -> None:
    """Somebody evolves by hand, in another process: the monitor says so, and its cooldown does not begin."""
    await opted_in()
    await live(wrong=20)
    request = EvolveRequest.parse({"skill": "tickets", "budget_tokens": 2_000})
    gone = ScriptedModel(fail_at={1: ModelUnreachable("gone")}, name="scripted")
    async with open_service(database, gone) as other:
        run = await other.evolve(request, actor, wait_seconds=60)
    assert run.status == "paused"
    check = await checked(service)
    # The detector begins anew with the run; the window still says failing.
    assert (check.action, check.acted, check.run_id) == ("evolve", False, run.run_id)
    assert f"Run {run.run_id} is going on already" in check.sentence


async def test_a_run_of_the_monitor_is_taken_over_when_its_process_has_gone(  # noqa: PLR0917 - two processes
    database: Path,
    open_service: Callable[..., Service],
    service: Service,
    live: Live,
    opted_in: Callable[[], Any],
    clock: Clock,
) -> None:
    """Nobody else knows of it; also within the cooldown, and only once its lease is free."""
    await opted_in()
    await live(wrong=20)
    async with open_service(database, ScriptedModel(first_word_or_billing), clock=clock) as other:
        started = await checked(other)
        assert started.run_id is not None
        assert (await checked(service)).acted is False
    assert (await service.get_run(started.run_id)).status == "paused"
    check = await checked(service)
    assert (check.acted, check.run_id) == (True, started.run_id)
    assert f"Run {started.run_id} goes on" in check.sentence
    assert (await service.get_run(started.run_id, wait_seconds=300)).status == "finished"
    assert (await checked(service)).acted is False


async def test_a_cancelled_run_that_its_process_could_not_conclude_keeps_the_monitor_from_nothing(  # noqa: PLR0917
    database: Path,
    open_service: Callable[..., Service],
    service: Service,
    live: Live,
    opted_in: Callable[[], Any],
    clock: Clock,
    actor: Actor,
) -> None:
    """It is over, although its row does not say so: another evolution is started."""
    await opted_in()
    async with open_service(database, ScriptedModel(first_word_or_billing), clock=clock) as killed:
        old = await killed.evolve(EvolveRequest(skill="tickets"), actor, wait_seconds=0)
    await Database(database).write(lambda db: runs.request_cancel(db, old.run_id, now=clock.now))
    clock.now += 8 * DAY
    await live(wrong=20)
    check = await checked(service)
    assert check.acted
    assert check.run_id not in {None, old.run_id}
    assert (await service.get_run(old.run_id)).status == "cancelled"


async def test_a_run_that_cannot_go_on_here_waits_and_keeps_the_monitor_from_nothing(  # noqa: PLR0917  fixtures
    database: Path,
    open_service: Callable[..., Service],
    live: Live,
    opted_in: Callable[[], Any],
    clock: Clock,
    actor: Actor,
) -> None:
    """Where its model is, it goes on; elsewhere it gives way when another evolution is due."""
    same, other = ScriptedModel(first_word_or_billing), ScriptedModel(first_word_or_billing, name="changed")
    await opted_in()
    await live(wrong=20)
    async with open_service(database, same, clock=clock) as first:
        old = (await checked(first)).run_id
        assert old is not None
    async with open_service(database, other, clock=clock) as elsewhere:
        check = await checked(elsewhere)
        assert (check.acted, check.run_id) == (False, None)
        assert f"Run {old} began under another model, writer or program and waits for it." in check.sentence
        assert (await elsewhere.get_run(old)).status == "paused"
    async with open_service(database, same, clock=clock) as back:
        assert (await checked(back)).run_id == old
    async with open_service(database, other, clock=clock) as elsewhere:
        clock.now += 8 * DAY
        await live(wrong=20, by=elsewhere)
        check = await checked(elsewhere)
        assert check.acted
        assert check.run_id is not None
        assert check.run_id != old
        assert (await elsewhere.get_run(old)).status == "cancelled"
        await elsewhere.cancel_run(check.run_id, actor)


async def test_a_run_of_the_monitor_does_not_stand_in_the_way_of_a_rollback(  # noqa: PLR0917
    database: Path,
    open_service: Callable[..., Service],
    service: Service,
    live: Live,
    opted_in: Callable[[], Any],
    clock: Clock,
    better: int,
    actor: Actor,
) -> None:
    """What fails in production is taken out, whether the run goes on or not."""
    await opted_in()
    await service.promote("tickets", better, "it is right", actor)
    await live(wrong=20)
    async with open_service(database, ScriptedModel(first_word_or_billing), clock=clock) as other:
        run = (await checked(other)).run_id
    await service.promote("tickets", 1, "a mistake", actor, force=True)
    await live(wrong=20)
    check = await checked(service)
    assert (check.action, check.acted, check.production) == ("roll back", True, better)
    assert f"Run {run} goes on. Rolled back from version 1 to {better}" in check.sentence
    assert await production(service) == better


async def test_a_skill_of_taste_is_never_evolved(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """There is nothing that a search could measure; it is said instead of asked for."""
    settings = {"opt_in_drift_actions": True}
    given: dict[str, Any] = {"name": "greet", "labels": None, "metric": "preference", "examples": []}
    await service.define_skill(ticket_skill(**given, settings=settings), actor)
    for _ in range(20):
        call = await service.run_skill("greet", "hello")
        await service.record_outcome(call.call_id, actor, correct=False)
    check = (await service.monitor()).checks[0]
    assert (check.skill, check.state, check.acted) == ("greet", "failing", False)
    assert "judged by votes alone, so it cannot be evolved" in check.sentence


async def test_two_processes_that_check_together_start_one_run(
    service: Service, database: Path, open_service: Callable[..., Service], live: Live, opted_in: Callable[[], Any]
) -> None:
    """One has the lease, and the other says what it saw last."""
    await opted_in()
    await live(wrong=20)
    reports = []
    async with (
        open_service(database, ScriptedModel(first_word_or_billing)) as other,
        anyio.create_task_group() as group,
    ):

        async def check(by: Service) -> None:
            reports.append(await by.monitor())

        group.start_soon(check, service)
        group.start_soon(check, other)
        while len(reports) < 2:
            await anyio.lowlevel.checkpoint()
        evolves = [line for line in await service.history("tickets") if line.kind == "evolve"]
        assert len(evolves) == 1
    assert sum(check.acted for report in reports for check in report.checks) == 1


# --- What it costs


async def test_nothing_new_costs_no_model_call(
    service: Service, model: ScriptedModel, live: Live, clock: Clock, worse_in_production: int
) -> None:
    """Neither for a sound version nor for a failing one; that it was skipped is kept."""
    await live(20)
    assert (await checked(service)).action == "none"
    calls = model.calls
    clock.now += EVERY_SECONDS
    check = await checked(service)
    assert (check.action, model.calls) == ("skipped", calls)
    assert check.sentence.startswith("Skipped: unchanged. Ok: 20 of the last 20")
    await live(wrong=30)
    assert (await checked(service)).action == "roll back"
    calls = model.calls
    assert (await checked(service)).action == "roll back"
    assert model.calls == calls
    await live(1)
    assert (await checked(service)).action != "skipped"
    assert worse_in_production == 2


async def test_it_is_due_once_an_hour_and_after_outcomes(service: Service, live: Live, clock: Clock) -> None:
    """Also for a new skill, and after the clock went back."""
    assert await service.monitor_if_due() is not None
    assert await service.monitor_if_due() is None
    clock.now += EVERY_SECONDS - 1
    assert await service.monitor_if_due() is None
    clock.now += 1
    assert await service.monitor_if_due() is not None
    await live(1)
    assert await service.monitor_if_due() is not None
    assert await service.monitor_if_due() is None
    clock.now -= DAY
    assert await service.monitor_if_due() is not None


async def test_calls_that_nobody_reported_on_are_dropped_after_ninety_days(
    service: Service, clock: Clock, actor: Actor, stored: Callable[[], list[str]]
) -> None:
    """A skill that answers all day does not fill the disk; what was reported on, and its outcome, stay."""
    old, reported = [await service.run_skill("tickets", f"Old parcel {number}") for number in range(2)]
    await service.record_outcome(reported.call_id, actor, correct=True)
    clock.now += 2 * DAY
    young = await service.run_skill("tickets", "Young parcel")
    clock.now += 89 * DAY
    await service.monitor()
    with pytest.raises(NotFound, match="for 90 days"):
        await service.record_outcome(old.call_id, actor, correct=True)
    with pytest.raises(Conflict):
        await service.record_outcome(reported.call_id, actor, correct=True)
    await service.record_outcome(young.call_id, actor, correct=True)
    assert not [row for row in stored() if "Old parcel 0" in row]


async def test_replies_kept_for_reuse_are_bounded_without_any_run(service: Service) -> None:
    """A skill that only answers leaves them behind too."""
    store = service._bench.store
    for key, size in (("small", 1), ("huge", replies.MAX_BYTES)):
        await store.write(partial(replies.put, key=key, reply="x" * size, now=0))
    await service.monitor()
    assert await store.read(lambda db: [replies.get(db, key) for key in ("small", "huge")]) == [None, None]
    await service.run_skill("tickets", "Where is it?")
    await service.monitor()
    assert await store.read(lambda db: db.table("reply_cache").count)


async def test_what_is_looked_at_in_passing_loads_no_model(
    database: Path, open_service: Callable[..., Service]
) -> None:
    """A server that only serves prompts never pays for a model; `monitor` says that it cannot be had."""
    async with open_service(database, make_catalog=_Nothing) as service:
        report = await service.monitor_if_due()
        assert report is not None
        assert "could not be asked" not in str(report)
        assert "The model could not be asked: nothing answers" in str(await service.monitor())


class _Nothing:
    """A catalog whose models cannot be had."""

    async def resolve(self, name: str) -> str:
        """Return the name as it is."""
        return name

    def make(self, name: str) -> Any:  # noqa: ANN401
        """Refuse."""
        raise ModelUnreachable(f"nothing answers for {name}")


@pytest.mark.parametrize(("left", "held"), [(1.0, True), (0.0, False), (LEASE_SECONDS + DAY, False)])
async def test_a_lease_is_honoured_while_it_runs(
    service: Service,
    database: Path,
    clock: Clock,
    left: float,
    held: bool,  # noqa: FBT001
) -> None:
    """Not when it has run out, nor when the clock went back and it would block for a day."""
    other = Database(database)
    taken = clock.now + left - LEASE_SECONDS
    assert await other.write(lambda db: leases.take(db, "monitor", owner="x", now=taken, seconds=LEASE_SECONDS))
    report = await service.monitor()
    assert (report.note == "Another process is checking just now.") is held
    assert (report.checks[0].checked_at is None) is held


# --- A model that changes


@pytest.fixture
async def measured(service: Service, better: int, actor: Actor) -> int:
    """Put the version that is always right into production, measured; return it."""
    await service.promote("tickets", better, "it is right", actor)
    return better


def now_bad(request: Any) -> str:  # noqa: ANN401
    """Answer `billing` whatever is asked."""
    del request
    return "billing"


async def test_a_model_that_changed_for_the_worse_is_found_by_a_paired_re_check(
    service: Service, measured: int, database: Path, open_service: Callable[..., Service], clock: Clock
) -> None:
    """On the same examples as before, measured once; degraded until something is done about it."""
    assert (await service.monitor()).exit_code == 3
    changed = ScriptedModel(now_bad, name="changed")
    async with open_service(database, changed, clock=clock) as later:
        check = await checked(later)
        assert check.recheck is not None
        assert (check.state, check.recheck.fallen, check.recheck.better) == ("degraded", True, 0)
        assert check.recheck.before.accuracy == 1.0
        assert check.recheck.worse > 10
        assert check.sentence.startswith("Degraded by a change of the model (no outcomes yet). The model has changed")
        assert "production is significantly worse on it" in check.sentence
        assert "evolve_prompt('tickets') or `promptbreeder-mcp evolve tickets` is due" in check.sentence
        calls = changed.calls
        assert calls > 0
        again = await later.monitor()
        assert (again.exit_code, again.checks[0].recheck, changed.calls) == (1, check.recheck, calls)
        kinds = [line.kind for line in await later.history("tickets", limit=2)]
        assert kinds == ["drift", "recheck"]
        line = (await later.history("tickets", limit=2))[1]
        assert f"version {measured}: The model has changed" in line.sentence
        assert line.after == measured


async def test_a_model_that_changed_for_the_worse_is_evolved_for_once_where_the_skill_opted_in(  # noqa: PLR0917
    service: Service,
    measured: int,
    live: Live,
    opted_in: Callable[[], Any],
    database: Path,
    open_service: Callable[..., Service],
    clock: Clock,
    actor: Actor,
) -> None:
    """However well its outcomes were on the model before; and not again for the same model after seven days."""
    await opted_in()
    await live(30)
    assert (await checked(service)).state == "ok"
    async with open_service(database, ScriptedModel(now_bad, name="changed"), clock=clock) as later:
        check = await checked(later)
        assert (check.state, check.action, check.acted) == ("degraded", "evolve", True)
        assert check.sentence.startswith("Degraded by a change of the model (30 of the last 30 outcomes right).")
        assert check.sentence.endswith(f"Run {check.run_id} was started.")
        assert check.run_id is not None
        await later.cancel_run(check.run_id, actor)
        for days in (1, 7):
            clock.now += days * DAY
            again = await checked(later)
            assert (again.state, again.action, again.production) == ("degraded", "skipped", measured)
            assert again.sentence.startswith("Skipped: unchanged. Degraded by a change of the model")
        await live(1, by=later)
        again = await checked(later)
        assert (again.state, again.action) == ("degraded", "none")
        assert "it has been evolved on this model already" in again.sentence


@pytest.mark.parametrize(("on", "expected"), [("the model before", "evolve"), ("the changed model", "none")])
async def test_an_evolution_by_hand_answers_a_model_that_changed(  # noqa: PLR0917
    service: Service,
    measured: int,
    opted_in: Callable[[], Any],
    database: Path,
    open_service: Callable[..., Service],
    actor: Actor,
    on: str,
    expected: str,
) -> None:
    """Only one on the changed model; one on the model before has nothing to do with it."""
    await opted_in()
    async with open_service(database, ScriptedModel(now_bad, name="changed")) as later:
        by = service if on == "the model before" else later
        request = EvolveRequest(skill="tickets", generations=1, population=4, budget_tokens=20_000)
        assert (await by.evolve(request, actor, wait_seconds=300)).status == "finished"
        check = await checked(later)
        assert (check.state, check.action, check.acted) == ("degraded", expected, expected == "evolve")
        if check.run_id is not None:
            await later.cancel_run(check.run_id, actor)
    assert await production(service) == measured


async def test_a_model_that_changed_and_does_as_well_is_no_trouble(
    service: Service, measured: int, database: Path, open_service: Callable[..., Service]
) -> None:
    """The re-check says so, and the exit code stays that of the outcomes."""
    await service.monitor()
    async with open_service(database, ScriptedModel(first_word_or_billing, name="newer")) as later:
        report = await later.monitor()
    (check,) = report.checks
    assert check.recheck is not None
    assert (check.state, check.recheck.fallen, check.production) == ("not enough data", False, measured)
    assert report.exit_code == 3


async def test_the_same_model_or_one_never_measured_on_is_not_re_checked(
    service: Service, model: ScriptedModel
) -> None:
    """There is nothing to compare with."""
    assert (await checked(service)).recheck is None
    assert model.calls == 0
    await service.fitness("tickets")
    calls = model.calls
    assert (await checked(service)).recheck is None
    assert model.calls == calls
