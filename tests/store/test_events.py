"""The log: append-only, chained, and the source of what is in production."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.store import events, health
from promptbreeder.store.database import Database
from promptbreeder.store.tables import Tables

_SKILL = "ticket-route"
_TRIGGERS = ("events_no_update", "events_no_delete")


def _in_production(db: Tables, ts: float) -> int | None:
    event = events.production_at(db, _SKILL, ts)
    return None if event is None else event.after


def _move(db: Tables, kind: Any, to: int, *, ts: float = 1.0, expected: int | None = None) -> None:  # noqa: ANN401
    events.move_production(
        db,
        ts=ts,
        skill=_SKILL,
        kind=kind,
        to=to,
        expected=events.production(db, _SKILL) if expected is None else expected,
        actor="human",
        client="test",
        reason="because",
        data={"evidence": "strong"},
    )


def _untriggered(db: Tables) -> None:
    for trigger in _TRIGGERS:
        db.execute(f"DROP TRIGGER {trigger}")


# --- Append-only


@pytest.mark.parametrize("statement", ["UPDATE events SET reason = 'another'", "DELETE FROM events"])
def test_no_code_of_ours_can_change_or_remove_an_event(stocked: Tables, statement: str) -> None:
    """The database itself refuses, whatever the statement."""
    with pytest.raises(sqlite3.IntegrityError, match="events never change"):
        stocked.execute(statement)


def test_an_event_comes_back_as_it_was_given(db: Tables) -> None:
    """Nothing of who, what and why is lost, in whatever script it was written."""
    number = events.append(
        db,
        ts=12.5,
        skill="a",
        kind="vote",
        actor="assistant",
        client="Claude Desktop",
        reason="größer, 更大",
        before=1,
        after=2,
        data={"b": [1, None, "é"], "a": {"deep": 0.1}},
    )
    (event,) = events.history(db, "a", before_id=None, limit=1)
    told = (event.ts, event.skill, event.kind, event.actor, event.client, event.reason, event.before, event.after)
    assert told == (12.5, "a", "vote", "assistant", "Claude Desktop", "größer, 更大", 1, 2)
    assert (event.id, event.data) == (number, {"b": [1, None, "é"], "a": {"deep": 0.1}})


# --- The chain


def test_the_first_event_and_every_later_one_are_chained(db: Tables, note: Callable[..., int]) -> None:
    """Each event holds the hash of the one before."""
    assert events.broken_link(db) is None
    for number in range(3):
        note(db, str(number))
    newest, middle, oldest = events.history(db, None, before_id=None, limit=3)
    assert (newest.prev_hash, middle.prev_hash) == (middle.hash, oldest.hash)
    assert events.broken_link(db) is None


@given(
    st.lists(
        st.tuples(
            st.text(max_size=20),
            st.one_of(st.floats(min_value=0.0, allow_infinity=False), st.integers(0, 2**40)),
            st.none() | st.integers(1, 99),
            st.dictionaries(st.text(max_size=5), st.none() | st.floats(allow_nan=False) | st.text(max_size=5)),
        ),
        max_size=5,
    )
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_chain_of_whatever_events_verifies(
    scratch: Callable[[], AbstractContextManager[Tables]], rows: list[tuple[str, float, int | None, dict[str, Any]]]
) -> None:
    """No value changes on its way through SQLite in a manner that changes the hash: a whole number of seconds, say."""
    with scratch() as db:
        for text, ts, number, data in rows:
            events.append(
                db,
                ts=ts,
                skill=text,
                kind=text,
                actor=text,
                client=text,
                reason=text,
                before=number,
                after=number,
                data=data,
            )
        assert events.broken_link(db) is None


@pytest.mark.parametrize(
    "change",
    [
        "ts = ts + 1",
        "skill = 'another'",
        "skill = NULL",
        "kind = 'promote'",
        "actor = 'assistant'",
        "client = 'another'",
        "reason = 'another'",
        "before = 7",
        "after = 7",
        """data = '{"n": 3}'""",
        "prev_hash = hash",
        "hash = prev_hash",
    ],
)
def test_tampering_with_any_field_is_detected(db: Tables, change: str) -> None:
    """Whoever drops the triggers can change an event, but not unnoticed."""
    for number in range(4):
        events.append(
            db, ts=1.0, skill="a", kind="note", actor="human", client="c", reason="r", after=1, data={"n": number}
        )
    _untriggered(db)
    db.execute(f"UPDATE events SET {change} WHERE id = 2")  # noqa: S608
    assert events.broken_link(db) == 2


def test_an_altered_event_with_a_new_hash_of_its_own_is_detected_at_the_next(
    db: Tables, note: Callable[..., int]
) -> None:
    """Recomputing one hash is not enough."""
    for number in range(3):
        note(db, str(number))
    _untriggered(db)
    (row,) = db.query("SELECT * FROM events WHERE id = 2")
    row["reason"] = "another"
    db.execute("UPDATE events SET reason = 'another', hash = ? WHERE id = 2", [events._digest(row)])
    assert events.broken_link(db) == 3


@pytest.mark.parametrize("removed", [1, 2])
def test_a_removed_event_is_detected(db: Tables, note: Callable[..., int], removed: int) -> None:
    """Also when it was the first."""
    for number in range(3):
        note(db, str(number))
    _untriggered(db)
    db.execute("DELETE FROM events WHERE id = ?", [removed])
    assert events.broken_link(db) == removed + 1


@pytest.mark.anyio
async def test_the_doctor_finds_what_a_raw_connection_changed(
    store: Database, stock: Callable[..., None], note: Callable[..., int]
) -> None:
    """From outside, with the triggers dropped and put back: the chain tells, and which event it was."""
    await store.write(stock)
    await store.write(note)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as raw:
        triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            raw.execute(f"DROP TRIGGER {name}")
        raw.execute("UPDATE events SET reason = 'forged' WHERE id = 2")
        for _, sql in triggers:
            raw.execute(sql)
    failed = [check for check in await store.read(health.checks) if not check.ok]
    assert [(check.what, check.detail) for check in failed] == [("event chain", "event 2 was altered")]


# --- Production


def test_the_first_version_is_in_production_from_the_beginning(stocked: Tables) -> None:
    """Creating a skill is an event and a state, and there is nothing to roll back to."""
    assert events.production(stocked, _SKILL) == 1
    assert events.previous_production(stocked, _SKILL) is None


def test_an_unknown_skill_has_no_production_version(db: Tables) -> None:
    """The error names what was asked for."""
    with pytest.raises(NotFound, match="nobody"):
        events.production(db, "nobody")


def test_moving_production_records_who_moved_what_and_why(stocked: Tables) -> None:
    """The state and the event change together."""
    _move(stocked, "promote", 3, ts=5.0)
    event = events.history(stocked, _SKILL, before_id=None, limit=1)[0]
    told = (event.ts, event.kind, event.actor, event.client, event.reason, event.before, event.after, event.data)
    assert told == (5.0, "promote", "human", "test", "because", 1, 3, {"evidence": "strong"})
    assert events.production(stocked, _SKILL) == 3


def test_a_move_that_expects_another_version_changes_nothing(stocked: Tables) -> None:
    """Two clients decide on the same evidence: the second hears of the first and decides anew."""
    _move(stocked, "promote", 2, expected=1)
    before = events.history(stocked, None, before_id=None, limit=9)
    for kind in ("promote", "rollback"):
        with pytest.raises(Conflict, match="version 2"):
            _move(stocked, kind, 3, expected=1)
    assert events.production(stocked, _SKILL) == 2
    assert events.history(stocked, None, before_id=None, limit=9) == before


def test_moving_one_skill_leaves_the_others(stocked: Tables, stock: Callable[..., None]) -> None:
    """The state is by skill."""
    stock(stocked, "other")
    _move(stocked, "promote", 4)
    assert events.projected(stocked) == events.replayed(stocked) == {_SKILL: 4, "other": 1}
    assert events.previous_production(stocked, "other") is None


def test_rolling_back_twice_goes_further_back_and_does_not_toggle(stocked: Tables) -> None:
    """Promotions are a stack and a rollback pops it."""
    targets = []
    for version in (2, 3):
        _move(stocked, "promote", version)
    while (target := events.previous_production(stocked, _SKILL)) is not None:
        targets.append(target)
        _move(stocked, "rollback", target)
    assert targets == [2, 1]


def test_a_version_that_was_promoted_twice_is_rolled_back_one_promotion_at_a_time(stocked: Tables) -> None:
    """1, 2, 1, 3: back from 3 is the second 1, and before that was 2."""
    for version in (2, 1, 3):
        _move(stocked, "promote", version)
    targets = []
    while (target := events.previous_production(stocked, _SKILL)) is not None:
        targets.append(target)
        _move(stocked, "rollback", target)
    assert targets == [1, 2, 1]


def test_a_rollback_over_several_promotions_forgets_them(stocked: Tables) -> None:
    """Going back to 1 by name leaves nothing before it."""
    for version in (2, 3):
        _move(stocked, "promote", version)
    _move(stocked, "rollback", 1)
    assert events.previous_production(stocked, _SKILL) is None
    _move(stocked, "promote", 4)
    assert events.previous_production(stocked, _SKILL) == 1


def test_a_rollback_to_a_version_that_never_was_in_production_can_be_undone(stocked: Tables) -> None:
    """It counts like a promotion: back from it is what was there before."""
    _move(stocked, "promote", 2)
    _move(stocked, "rollback", 4)
    assert events.previous_production(stocked, _SKILL) == 2


@given(st.lists(st.sampled_from([1, 2, 3, 4, "back"]), max_size=12))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_production_is_what_the_events_tell_after_any_history(
    scratch: Callable[[], AbstractContextManager[Tables]],
    stock: Callable[..., None],
    steps: list[Any],
) -> None:
    """The projection, a replay of the events, the time line and a plain stack agree at every step."""
    stack, was = [1], [1]
    with scratch() as db:
        stock(db)
        for number, step in enumerate(steps, 1):
            if step == "back" and len(stack) > 1:
                stack.pop()
                _move(db, "rollback", stack[-1], ts=float(number))
            elif isinstance(step, int) and step != stack[-1]:
                stack.append(step)
                _move(db, "promote", step, ts=float(number))
            was.append(stack[-1])
            assert events.projected(db) == events.replayed(db) == {_SKILL: stack[-1]}
            assert events.previous_production(db, _SKILL) == (stack[-2] if len(stack) > 1 else None)
        assert [_in_production(db, float(ts)) for ts in range(len(was))] == was
        assert events.broken_link(db) is None


def test_production_at_a_time_before_the_skill_is_nothing(stocked: Tables) -> None:
    """And from its first moment on it is the first version; other kinds of events do not count."""
    events.append(stocked, ts=3.0, skill=_SKILL, kind="vote", actor="a", client="c", reason="", after=4)
    asked = [_in_production(stocked, ts) for ts in (-0.1, 0.0, 99.0)]
    assert asked == [None, 1, 1]
    assert events.replayed(stocked) == {_SKILL: 1}


# --- History


def test_history_is_newest_first_and_paged_without_gaps(stocked: Tables, note: Callable[..., int]) -> None:
    """Walking back page by page meets every event once, of one skill or of all."""
    for number in range(7):
        note(stocked, str(number))
        _move(stocked, "promote", number % 2 + 2)
    walked: list[int] = []
    for _ in range(4):
        page = events.history(stocked, None, before_id=walked[-1] if walked else None, limit=4)
        walked += [event.id for event in page]
    assert walked == list(range(15, 0, -1))
    assert events.history(stocked, None, before_id=1, limit=4) == ()
    of_skill = events.history(stocked, _SKILL, before_id=None, limit=99)
    assert [event.kind for event in of_skill] == ["promote"] * 7 + ["create"]


def test_an_events_data_are_stored_in_one_form(db: Tables, note: Callable[..., int]) -> None:
    """The order in which a dict was built is not in the hash."""
    note(db, b=1, a=2)
    (row,) = db.query("SELECT data FROM events")
    assert row["data"] == json.dumps({"a": 2, "b": 1})
