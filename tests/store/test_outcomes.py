"""Outcomes: one a call, never changed, and in order with what happened to production; leases; when a check is due."""

import sqlite3
from collections.abc import Callable

import pytest

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.store import calls, checks, events, leases, outcomes
from promptbreeder.store.checks import Check
from promptbreeder.store.tables import Tables

_SKILL = "ticket-route"


def _tell(db: Tables, call_id: str, *, correct: bool = True, version: int = 1, skill: str = _SKILL) -> None:
    calls.add(db, call_id=call_id, skill=skill, version=version, text="Parcel?", answer="delivery", now=1.0)
    call = calls.get(db, call_id)
    outcomes.add(db, call, correct=correct, example=None, note="", actor="human", client="test", now=1.0)


def _check(last_outcome: int, *, at: float = 100.0, skill: str = _SKILL) -> Check:
    return Check(skill, at, "model-1", "digest", last_outcome, state="ok", action="none", sentence="Ok.")


@pytest.mark.parametrize("statement", ["UPDATE outcomes SET correct = 0", "DELETE FROM outcomes"])
def test_no_code_of_ours_can_change_or_remove_an_outcome(stocked: Tables, statement: str) -> None:
    """The database itself refuses."""
    _tell(stocked, "c-1")
    with pytest.raises(sqlite3.IntegrityError, match="outcomes never change"):
        stocked.execute(statement)


def test_a_call_is_answered_for_once(stocked: Tables) -> None:
    """And must have been made."""
    _tell(stocked, "c-1", correct=False)
    with pytest.raises(Conflict, match="has its outcome already"):
        outcomes.add(
            stocked,
            calls.get(stocked, "c-1"),
            correct=True,
            example=None,
            note="",
            actor="human",
            client="test",
            now=2.0,
        )
    with pytest.raises(NotFound):
        calls.get(stocked, "c-2")


def test_outcomes_belong_to_the_time_after_an_event_whatever_the_clock_says(stocked: Tables) -> None:
    """All of these have the same time; their order is that of the events."""
    _tell(stocked, "c-1")
    events.move_production(
        stocked,
        ts=0.5,
        skill=_SKILL,
        kind="promote",
        to=2,
        expected=1,
        actor="human",
        client="test",
        reason="why",
        data={},
    )
    moved = events.last_move(stocked, _SKILL)
    _tell(stocked, "c-2", version=2, correct=False)
    _tell(stocked, "c-3", version=2)
    assert [outcome.correct for outcome in outcomes.since(stocked, _SKILL, 2, moved.id)] == [False, True]
    assert list(outcomes.since(stocked, _SKILL, 1, moved.id)) == []
    assert len(outcomes.since(stocked, _SKILL, 1, 0)) == 1
    assert outcomes.last(stocked, _SKILL) == 3
    assert outcomes.last(stocked, "other") == 0


def test_a_check_is_due_for_what_was_never_or_long_not_checked_or_has_an_outcome(
    stocked: Tables, stock: Callable[..., None]
) -> None:
    """One skill for which it is due is enough."""

    def due(at: float) -> bool:
        return checks.is_due(stocked, now=at, every=60)

    assert due(100)
    checks.put(stocked, _check(0))
    assert [due(at) for at in (99, 100, 159.9, 160)] == [True, False, False, True]
    _tell(stocked, "c-1")
    assert due(100)
    checks.put(stocked, _check(1))
    assert not due(100)
    stock(stocked, "other")
    _tell(stocked, "c-2", skill="other")
    assert due(100)
    checks.put(stocked, _check(2, skill="other"))
    assert not due(100)


def test_a_check_does_not_forget_when_an_evolution_was_started(stocked: Tables) -> None:
    """The cooldown outlasts every later check."""
    checks.put(stocked, _check(0))
    checks.note_evolution(stocked, _SKILL, now=7.0)
    checks.put(stocked, _check(5, at=200.0))
    found = checks.get(stocked, _SKILL)
    assert found is not None
    assert (found.evolution_started, found.last_outcome, found.checked_at) == (7.0, 5, 200.0)


def test_a_lease_is_held_by_one_until_it_is_let_go_or_runs_out(db: Tables) -> None:
    """Its holder may take it anew; whoever does not hold it cannot let it go."""

    def take(owner: str, now: float) -> bool:
        return leases.take(db, "monitor", owner=owner, now=now, seconds=10)

    assert take("a", 0)
    assert not take("b", 9.9)
    assert take("a", 5)
    assert not take("b", 14.9)
    leases.release(db, "monitor", owner="b")
    assert not take("b", 14.9)
    assert take("b", 15)
    leases.release(db, "monitor", owner="b")
    assert take("a", 15)
    assert leases.take(db, "another", owner="b", now=15, seconds=10)
