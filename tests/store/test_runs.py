"""Runs: one driver at a time, a journal without gaps, and nothing written by who lost the lease."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from promptbreeder.errors import Conflict, LeaseLost, NotFound
from promptbreeder.results import RunStatus
from promptbreeder.store import immigrants, runs
from promptbreeder.store import units as stored_units
from promptbreeder.store.tables import Tables

_SKILL = "ticket-route"
_PROCESS = st.integers(0, 2)


def _create(db: Tables, run_id: str = "r-1", *, skill: str = _SKILL, now: float = 0.0) -> None:
    runs.create(db, run_id=run_id, skill=skill, kind="evolve", seed=7, fingerprint="f", config="{}", now=now)


def _claim(db: Tables, owner: str, now: float, run_id: str = "r-1") -> int:
    return runs.claim(db, run_id, owner=owner, now=now)


def _append(db: Tables, fence: int, n: int, answer: str = "{}", run_id: str = "r-1") -> None:
    runs.append_answer(db, run_id, fence, n=n, ask_kind="write", ask_hash=f"h{n}", answer=answer, now=1.0)


def _stop(db: Tables, fence: int, status: RunStatus, *, error: str | None = None, run_id: str = "r-1") -> None:
    runs.stop(db, run_id, fence, status=status, result=None, error=error, now=2.0)


_WRITES: dict[str, Callable[[Tables, int], object]] = {
    "answer": lambda db, fence: _append(db, fence, 0),
    "heartbeat": lambda db, fence: runs.heartbeat(db, "r-1", fence, now=1.0),
    "progress": lambda db, fence: runs.set_progress(db, "r-1", fence, "{}", now=1.0),
    "stop": lambda db, fence: _stop(db, fence, "finished"),
    "immigrants": lambda db, fence: immigrants.take(db, "r-1", fence, now=1.0),
}
"""Everything that only the driver may do."""

_ENDINGS: tuple[RunStatus, ...] = ("cancelled", "failed", "finished")


@pytest.fixture
def run(stocked: Tables) -> Tables:
    """Return a transaction in which `r-1` is queued."""
    _create(stocked)
    return stocked


# --- Rows


def test_a_new_run_is_queued_and_driven_by_nobody(run: Tables) -> None:
    """What it was made from is kept as it was given."""
    stored = runs.get(run, "r-1")
    assert (stored.skill, stored.kind, stored.seed, stored.fingerprint, stored.config) == (
        _SKILL,
        "evolve",
        7,
        "f",
        "{}",
    )
    assert (stored.status, stored.owner, stored.fence, stored.cancel_requested) == ("queued", None, 0, False)
    assert not stored.is_leased(0.0)
    assert runs.live(run, _SKILL) == stored


def test_a_missing_run_is_reported(db: Tables) -> None:
    """By every function that is given its id."""
    for work in (
        lambda: runs.get(db, "r-9"),
        lambda: _claim(db, "a", 0.0, "r-9"),
        lambda: immigrants.add(db, "r-9", ["{}"], now=0.0),
        lambda: runs.request_cancel(db, "r-9", now=0.0),
    ):
        with pytest.raises(NotFound, match="r-9"):
            work()


def test_who_drives_a_run_that_is_gone_has_lost_it(db: Tables) -> None:
    """As after a backup from before the run was restored: whatever it writes, it is to stop."""
    for work in (
        lambda: _append(db, 1, 0, run_id="r-9"),
        lambda: runs.heartbeat(db, "r-9", 1, now=0.0),
        lambda: immigrants.take(db, "r-9", 1, now=0.0),
    ):
        with pytest.raises(LeaseLost, match="r-9 is not in the database any more"):
            work()


@pytest.mark.parametrize("status", ["queued", "running", "paused"])
def test_a_skill_has_one_live_run(run: Tables, stock: Callable[..., None], status: RunStatus) -> None:
    """A second is refused, naming the first, while that one is not over; other skills are free."""
    if status != "queued":
        fence = _claim(run, "a", 0.0)
        if status == "paused":
            _stop(run, fence, "paused")
    with pytest.raises(Conflict, match=f"r-1.*{status}"):
        _create(run, "r-2")
    stock(run, "other")
    _create(run, "r-3", skill="other")


@pytest.mark.parametrize("status", _ENDINGS)
def test_a_skill_whose_run_has_ended_is_free(run: Tables, status: RunStatus) -> None:
    """However it ended."""
    _stop(run, _claim(run, "a", 0.0), status)
    assert runs.live(run, _SKILL) is None
    _create(run, "r-2")
    assert [each.run_id for each in runs.recent(run, _SKILL)] == ["r-2", "r-1"]


def test_recent_runs_are_newest_first_of_one_skill_or_of_all(run: Tables, stock: Callable[..., None]) -> None:
    """By the time of their making, no more than asked for."""
    stock(run, "other")
    _create(run, "r-2", skill="other", now=-5.0)
    assert [each.run_id for each in runs.recent(run, None)] == ["r-1", "r-2"]
    assert [each.run_id for each in runs.recent(run, "other")] == ["r-2"]
    assert [each.run_id for each in runs.recent(run, None, limit=1)] == ["r-1"]


# --- Lease and fence


def test_claiming_takes_the_lease_for_a_time(run: Tables) -> None:
    """And the run is going."""
    fence = _claim(run, "a", 100.0)
    stored = runs.get(run, "r-1")
    assert (stored.owner, stored.fence, stored.status) == ("a", fence, "running")
    assert [stored.is_leased(now) for now in (100.0, 129.9, 130.0)] == [True, True, False]


def test_a_lease_that_ends_much_later_than_any_taken_now_is_not_honoured(run: Tables) -> None:
    """It was taken before the clock went back, by a process that may long be dead; a clock set right takes nothing."""
    _claim(run, "a", 100.0)
    assert [runs.get(run, "r-1").is_leased(now) for now in (100.0, 98.0, 69.9)] == [True, True, False]
    with pytest.raises(Conflict):
        _claim(run, "b", 98.0)
    _claim(run, "b", 0.0)


@pytest.mark.parametrize("owner", ["b", "a"])
def test_a_leased_run_cannot_be_claimed(run: Tables, owner: str) -> None:
    """Not even under the same name: two tasks of one process would drive it twice. The holder is not disturbed."""
    fence = _claim(run, "a", 0.0)
    with pytest.raises(Conflict, match="another process drives"):
        _claim(run, owner, 29.9)
    _append(run, fence, 0)


def test_a_run_is_taken_over_after_its_lease_and_the_fence_grows(run: Tables) -> None:
    """The journal goes on where the dead driver left it."""
    first = _claim(run, "a", 0.0)
    _append(run, first, 0)
    second = _claim(run, "b", 30.0)
    assert second > first
    _append(run, second, 1)
    assert [entry.n for entry in runs.journal(run, "r-1")] == [0, 1]


def test_a_heartbeat_extends_the_lease(run: Tables) -> None:
    """Counted from the beat, not from the old end."""
    fence = _claim(run, "a", 0.0)
    runs.heartbeat(run, "r-1", fence, now=20.0)
    with pytest.raises(Conflict):
        _claim(run, "b", 49.9)
    _claim(run, "b", 50.0)


@pytest.mark.parametrize("write", _WRITES.values(), ids=_WRITES)
def test_who_was_stopped_beyond_its_lease_cannot_write_any_more(
    run: Tables, write: Callable[[Tables, int], object]
) -> None:
    """It does not know that it slept; the fence does. Nothing of the new driver's is changed."""
    stale = _claim(run, "a", 0.0)
    immigrants.add(run, "r-1", ["guest"], now=0.0)
    fresh = _claim(run, "b", 31.0)
    before = runs.get(run, "r-1")
    with pytest.raises(LeaseLost, match="r-1"):
        write(run, stale)
    assert runs.get(run, "r-1") == before
    assert runs.journal(run, "r-1") == ()
    assert immigrants.take(run, "r-1", fresh, now=32.0) == ("guest",)


@pytest.mark.parametrize("status", [*_ENDINGS, "paused"])
@pytest.mark.parametrize("write", _WRITES.values(), ids=_WRITES)
def test_nothing_is_written_to_a_run_that_was_stopped(
    run: Tables, write: Callable[[Tables, int], object], status: RunStatus
) -> None:
    """Also not by who stopped it: its fence is still the newest, but the lease was released."""
    fence = _claim(run, "a", 0.0)
    _stop(run, fence, status)
    before = runs.get(run, "r-1")
    with pytest.raises(LeaseLost):
        write(run, fence)
    assert runs.get(run, "r-1") == before


@pytest.mark.parametrize("status", _ENDINGS)
def test_an_ended_run_is_not_claimed(run: Tables, status: RunStatus) -> None:
    """It is over for good."""
    _stop(run, _claim(run, "a", 0.0), status)
    with pytest.raises(Conflict, match=f"ended .{status}"):
        _claim(run, "b", 1000.0)


def test_a_paused_run_is_resumed_at_once_and_its_error_forgotten(run: Tables) -> None:
    """Pausing releases the lease: nobody waits for it to run out."""
    _stop(run, _claim(run, "a", 0.0), "paused", error="nothing answers")
    assert runs.get(run, "r-1").error == "nothing answers"
    fence = _claim(run, "b", 0.1)
    stored = runs.get(run, "r-1")
    assert (stored.status, stored.error, stored.fence) == ("running", None, fence)


def test_progress_and_result_are_kept(run: Tables) -> None:
    """For whoever asks later, from another process."""
    fence = _claim(run, "a", 0.0)
    runs.set_progress(run, "r-1", fence, '{"done": 1}', now=3.0)
    assert (runs.get(run, "r-1").progress, runs.get(run, "r-1").updated_at) == ('{"done": 1}', 3.0)
    runs.stop(run, "r-1", fence, status="finished", result='{"version": 2}', error=None, now=4.0)
    stored = runs.get(run, "r-1")
    assert (stored.status, stored.result, stored.has_ended, stored.is_leased(4.0)) == (
        "finished",
        '{"version": 2}',
        True,
        False,
    )


# --- Cancelling


@pytest.mark.parametrize("status", ["queued", "running", "paused"])
def test_cancelling_a_run_is_a_request_to_its_driver(run: Tables, status: RunStatus) -> None:
    """Or to whoever claims it: what it found is kept by who drives it, and that writes how it ended."""
    fence = 0 if status == "queued" else _claim(run, "a", 0.0)
    if status == "paused":
        _stop(run, fence, "paused")
    runs.request_cancel(run, "r-1", now=1.0)
    stored = runs.get(run, "r-1")
    assert (stored.cancel_requested, stored.status) == (True, status)
    _stop(run, fence if status == "running" else _claim(run, "b", 1.0), "cancelled")


def test_a_request_to_cancel_outlives_the_driver_that_it_was_made_to(run: Tables) -> None:
    """Whoever takes over finds it."""
    _claim(run, "a", 0.0)
    runs.request_cancel(run, "r-1", now=1.0)
    _claim(run, "b", 31.0)
    assert runs.get(run, "r-1").cancel_requested


@pytest.mark.parametrize("status", _ENDINGS)
def test_a_run_that_has_ended_stays_as_it_ended(run: Tables, status: RunStatus) -> None:
    """A late cancel does not turn a finished run into a cancelled one."""
    _stop(run, _claim(run, "a", 0.0), status)
    before = runs.get(run, "r-1")
    with pytest.raises(Conflict, match=status):
        runs.request_cancel(run, "r-1", now=99.0)
    assert runs.get(run, "r-1") == before


# --- Journal


def test_the_journal_comes_back_in_order_as_it_was_written(run: Tables) -> None:
    """More than nine entries, so that an order by text would show."""
    fence = _claim(run, "a", 0.0)
    for number in range(12):
        _append(run, fence, number, answer=f'{{"é": {number}}}')
    expected = [runs.JournalRow(number, "write", f"h{number}", f'{{"é": {number}}}') for number in range(12)]
    assert list(runs.journal(run, "r-1")) == expected


@pytest.mark.parametrize("number", [-1, 0, 1, 3])
def test_an_answer_is_appended_at_the_end_or_not_at_all(run: Tables, number: int) -> None:
    """No ask is answered twice and none left out: either would make the replay another run."""
    fence = _claim(run, "a", 0.0)
    _append(run, fence, 0, "first")
    _append(run, fence, 1, "second")
    with pytest.raises(LeaseLost, match="2 entries"):
        _append(run, fence, number, "again")
    assert [entry.answer for entry in runs.journal(run, "r-1")] == ["first", "second"]


def test_runs_have_journals_of_their_own(run: Tables, stock: Callable[..., None]) -> None:
    """Each is numbered from 0."""
    stock(run, "other")
    _create(run, "r-2", skill="other")
    one, two = _claim(run, "a", 0.0), _claim(run, "a", 0.0, "r-2")
    _append(run, one, 0, "one")
    _append(run, two, 0, "two", "r-2")
    assert [entry.answer for entry in runs.journal(run, "r-2")] == ["two"]


# --- Units


def _unit(name: str, *, operator: str = "mutate") -> dict[str, Any]:
    return {
        "content_hash": name,
        "instruction": f"Do {name}.",
        "mutation_prompt": "m",
        "operator": operator,
        "parents": '["p"]',
        "fitness": 0.5,
    }


def test_a_unit_is_remembered_as_it_first_came(run: Tables) -> None:
    """A unit that lives on, or is found again, keeps the operator that made it."""
    stored_units.put(run, "r-1", 0, [_unit("x", operator="seed"), _unit("y", operator="first"), _unit("y")])
    stored_units.put(run, "r-1", 1, [_unit("z"), _unit("x", operator="survivor")])
    found = stored_units.ancestry(run, "r-1")
    assert {name: row["operator"] for name, row in found.items()} == {"x": "seed", "y": "first", "z": "mutate"}
    assert (found["x"]["parents"], found["x"]["instruction"]) == (("p",), "Do x.")


def test_a_generation_told_again_replaces_itself(run: Tables) -> None:
    """The block in flight when a driver died is repeated by the next."""
    for _ in range(2):
        stored_units.put(run, "r-1", 3, [_unit("x"), _unit("y")])
    assert run.table("units").count == 2


# --- Immigrants


def test_immigrants_are_taken_once_and_in_order(run: Tables) -> None:
    """Those that come later are taken the next time."""
    fence = _claim(run, "a", 0.0)
    assert immigrants.take(run, "r-1", fence, now=1.0) == ()
    immigrants.add(run, "r-1", ["b", "a"], now=1.0)
    immigrants.add(run, "r-1", ["c"], now=1.0)
    assert immigrants.take(run, "r-1", fence, now=2.0) == ("b", "a", "c")
    immigrants.add(run, "r-1", ["d"], now=3.0)
    assert immigrants.take(run, "r-1", fence, now=4.0) == ("d",)
    assert immigrants.take(run, "r-1", fence, now=5.0) == ()


def test_immigrants_go_to_the_run_they_were_handed_to(run: Tables, stock: Callable[..., None]) -> None:
    """Another run takes nothing of theirs, nor marks it."""
    stock(run, "other")
    _create(run, "r-2", skill="other")
    immigrants.add(run, "r-1", ["guest"], now=0.0)
    assert immigrants.take(run, "r-2", _claim(run, "b", 0.0, "r-2"), now=1.0) == ()
    assert immigrants.take(run, "r-1", _claim(run, "a", 0.0), now=1.0) == ("guest",)


@pytest.mark.parametrize("status", _ENDINGS)
def test_a_run_that_has_ended_takes_no_candidates(run: Tables, status: RunStatus) -> None:
    """They would wait for ever."""
    _stop(run, _claim(run, "a", 0.0), status)
    with pytest.raises(Conflict, match=f"ended .{status}"):
        immigrants.add(run, "r-1", ["guest"], now=1.0)


# --- All together


class Drivers(RuleBasedStateMachine):
    """Three processes and a user, against a model: who claimed last may write until it stops, and nobody else."""

    def __init__(self, db: Tables) -> None:
        super().__init__()
        self.db = db
        self.now = self.until = 0.0
        self.holder: int | None = None
        self.ended = False
        self.fences = [-1, -1, -1]
        self.journal: list[str] = []
        self.waiting: list[str] = []
        db.conn.execute("SAVEPOINT machine")
        _create(db)

    def teardown(self) -> None:
        """Undo the run, for the next example."""
        self.db.conn.execute("ROLLBACK TO machine")
        self.db.conn.execute("RELEASE machine")

    @rule(seconds=st.sampled_from([1.0, 29.0, 31.0]))
    def pass_time(self, seconds: float) -> None:
        """Let a lease run out, or not."""
        self.now += seconds

    @rule(process=_PROCESS)
    def claim(self, process: int) -> None:
        """Get a fence above all before, if nobody drives the run."""
        with _refused(Conflict if self.ended or self._is_driven() else None):
            fence = _claim(self.db, str(process), self.now)
            assert fence > max(self.fences)
            self.fences[process], self.holder, self.until = fence, process, self.now + runs.LEASE_SECONDS

    @rule(process=_PROCESS)
    def beat(self, process: int) -> None:
        """Extend the lease."""
        with _refused(self._unless_holder(process)):
            runs.heartbeat(self.db, "r-1", self.fences[process], now=self.now)
            self.until = self.now + runs.LEASE_SECONDS

    @rule(process=_PROCESS)
    def append(self, process: int) -> None:
        """Journal an answer."""
        with _refused(self._unless_holder(process)):
            _append(self.db, self.fences[process], len(self.journal), str(len(self.journal)))
            self.journal.append(str(len(self.journal)))

    @rule(process=_PROCESS)
    def take(self, process: int) -> None:
        """Take exactly the guests that nobody took."""
        with _refused(self._unless_holder(process)):
            taken = immigrants.take(self.db, "r-1", self.fences[process], now=self.now)
            assert list(taken) == self.waiting
            self.waiting.clear()

    @rule(process=_PROCESS, status=st.sampled_from(["paused", "paused", "paused", "finished"]))
    def stop(self, process: int, status: RunStatus) -> None:
        """Release the lease."""
        with _refused(self._unless_holder(process)):
            _stop(self.db, self.fences[process], status)
            self.holder, self.ended = None, status == "finished"

    @rule()
    def hand_in(self) -> None:
        """Hand in a guest from outside."""
        with _refused(Conflict if self.ended else None):
            immigrants.add(self.db, "r-1", [f"guest {self.now}"], now=self.now)
            self.waiting.append(f"guest {self.now}")

    @rule()
    def cancel(self) -> None:
        """Ask from outside for the end; whoever drives the run stops."""
        with _refused(Conflict if self.ended else None):
            runs.request_cancel(self.db, "r-1", now=self.now)

    @invariant()
    def agrees(self) -> None:
        """The run is as the model says."""
        assert runs.get(self.db, "r-1").has_ended == self.ended
        assert [entry.answer for entry in runs.journal(self.db, "r-1")] == self.journal

    def _is_driven(self) -> bool:
        return self.holder is not None and self.until > self.now

    def _unless_holder(self, process: int) -> type[LeaseLost] | None:
        return None if process == self.holder else LeaseLost


def _refused(error: type[Exception] | None) -> AbstractContextManager[object]:
    return nullcontext() if error is None else pytest.raises(error)


def test_whatever_three_processes_do_only_the_last_to_claim_writes(stocked: Tables) -> None:
    """Any order of claims, writes, pauses, cancels and lapses of time agrees with the model."""
    run_state_machine_as_test(
        lambda: Drivers(stocked),  # type: ignore[arg-type]  # a factory will do
        settings=settings(max_examples=40, stateful_step_count=25, deadline=None),
    )
