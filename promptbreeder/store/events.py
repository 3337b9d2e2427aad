"""Events: the append-only, hash-chained log of everything that changed, and who changed it, and why.

`skill_state` is a projection of it, changed in the same transaction: which version is in production.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from promptbreeder.errors import Conflict, NotFound
from promptbreeder.store.tables import Tables

_GENESIS = "0" * 64
_MOVES = ("create", "promote", "rollback")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    id: int
    ts: float
    skill: str | None
    kind: str
    actor: str
    client: str
    reason: str
    before: int | None
    after: int | None
    data: dict[str, Any]
    prev_hash: str
    hash: str


def append(
    db: Tables,
    *,
    ts: float,
    skill: str | None,
    kind: str,
    actor: str,
    client: str,
    reason: str,
    before: int | None = None,
    after: int | None = None,
    data: dict[str, Any] | None = None,
) -> int:
    """Append an event and return its id."""
    (last,) = list(db.query("SELECT hash FROM events ORDER BY id DESC LIMIT 1")) or [{"hash": _GENESIS}]
    row = {
        "ts": float(ts),  # as SQLite returns it, or the hash would not follow from what is stored
        "skill": skill,
        "kind": kind,
        "actor": actor,
        "client": client,
        "reason": reason,
        "before": before,
        "after": after,
        "data": json.dumps(data or {}, sort_keys=True, ensure_ascii=False),
        "prev_hash": last["hash"],
    }
    row["hash"] = _digest(row)
    inserted = db.table("events").insert(row)
    return int(inserted.last_pk)  # type: ignore[arg-type]  # an integer primary key


def create(db: Tables, *, ts: float, skill: str, version: int, actor: str, client: str, data: dict[str, Any]) -> None:
    """Record a new skill, whose first version goes into production."""
    append(
        db,
        ts=ts,
        skill=skill,
        kind="create",
        actor=actor,
        client=client,
        reason="skill defined",
        after=version,
        data=data,
    )
    db.table("skill_state").insert({"skill": skill, "production": version})


def move_production(
    db: Tables,
    *,
    ts: float,
    skill: str,
    kind: Literal["promote", "rollback"],
    to: int,
    expected: int,
    actor: str,
    client: str,
    reason: str,
    data: dict[str, Any],
) -> None:
    """Put version `to` into production if version `expected` is there now: a compare-and-swap.

    Raises:
        Conflict: if another version is in production.
    """
    now = production(db, skill)
    if now != expected:
        raise moved_meanwhile(skill, now, expected)
    append(
        db, ts=ts, skill=skill, kind=kind, actor=actor, client=client, reason=reason, before=now, after=to, data=data
    )
    db.execute("UPDATE skill_state SET production = ? WHERE skill = ?", [to, skill])


def moved_meanwhile(skill: str, now: int, expected: int) -> Conflict:
    """Return the error for a compare-and-swap that found another version."""
    return Conflict(
        f"version {now} of '{skill}' is in production, not {expected}: it was changed in the meantime. Look at its "
        "history, then decide anew."
    )


def production(db: Tables, skill: str) -> int:
    """Return the number of the version in production.

    Raises:
        NotFound: if there is no such skill.
    """
    for row in db.query("SELECT production FROM skill_state WHERE skill = ?", [skill]):
        return int(row["production"])
    raise NotFound(f"no skill named {skill!r}")


def previous_production(db: Tables, skill: str) -> int | None:
    """Return the version that a rollback goes to: what was in production before the present one was promoted.

    Promotions are a stack and a rollback pops it, so that rolling back twice goes further back and does not toggle.
    """
    stack: list[int] = []
    for event in _moves(db, skill):
        if event.after is None:
            continue
        if event.kind == "rollback" and event.after in stack:
            while stack[-1] != event.after:
                stack.pop()
        else:
            stack.append(event.after)
    return stack[-2] if len(stack) > 1 else None


def entered_unjudged(db: Tables, skill: str) -> frozenset[int]:
    """Return the versions that nobody had judged when they first came into production."""
    first: dict[int, Event] = {}
    for event in _moves(db, skill):
        if event.after is not None:
            first.setdefault(event.after, event)
    return frozenset(number for number, event in first.items() if event.data.get("judged") is None)


def been_production(db: Tables, skill: str) -> frozenset[int]:
    """Return the versions that are or have been in production."""
    return frozenset(event.after for event in _moves(db, skill) if event.after is not None)


def was_production(db: Tables, skill: str, version: int) -> bool:
    """Return whether a version is or has been in production."""
    return version in been_production(db, skill)


def newest(db: Tables, skill: str, *kinds: str) -> Event | None:
    """Return the skill's newest event of one of these kinds."""
    marks = ",".join("?" * len(kinds))
    rows = db.query(
        f"SELECT * FROM events WHERE skill = ? AND kind IN ({marks}) ORDER BY id DESC LIMIT 1",  # noqa: S608 - only marks
        [skill, *kinds],
    )
    return next((_event(row) for row in rows), None)


def last_move(db: Tables, skill: str) -> Event:
    """Return the event by which the version in production came there.

    Raises:
        NotFound: if there is no such skill.
    """
    found = newest(db, skill, *_MOVES)
    if found is None:
        raise NotFound(f"no skill named {skill!r}")
    return found


def production_at(db: Tables, skill: str, ts: float) -> Event | None:
    """Return the event by which what was in production at `ts` came there, or None before the skill was there."""
    moved = [event for event in _moves(db, skill) if event.ts <= ts]
    return moved[-1] if moved else None


def history(db: Tables, skill: str | None, *, before_id: int | None, limit: int) -> tuple[Event, ...]:
    """Return events, newest first; of one skill or of all; only those older than `before_id`."""
    rows = db.query(
        "SELECT * FROM events WHERE (:skill IS NULL OR skill = :skill) AND (:before IS NULL OR id < :before) "
        "ORDER BY id DESC LIMIT :limit",
        {"skill": skill, "before": before_id, "limit": limit},
    )
    return tuple(_event(row) for row in rows)


def end(db: Tables) -> tuple[int, str]:
    """Return id and hash of the newest event, 0 and nothing where there is none."""
    rows = db.query("SELECT id, hash FROM events ORDER BY id DESC LIMIT 1")
    return next(((int(row["id"]), str(row["hash"])) for row in rows), (0, ""))


def hash_of(db: Tables, event_id: int) -> str:
    """Return the hash of an event, nothing where there is no such event."""
    return next((str(row["hash"]) for row in db.query("SELECT hash FROM events WHERE id = ?", [event_id])), "")


def after(db: Tables, event_id: int) -> tuple[Event, ...]:
    """Return the events that came after one, oldest first."""
    return tuple(_event(row) for row in db.query("SELECT * FROM events WHERE id > ? ORDER BY id", [event_id]))


def broken_link(db: Tables) -> int | None:
    """Return the id of the first event whose hash does not follow from what is stored, or None: the chain is whole."""
    previous = _GENESIS
    for row in db.query("SELECT * FROM events ORDER BY id"):
        if row["prev_hash"] != previous or row["hash"] != _digest(row):
            return int(row["id"])
        previous = row["hash"]
    return None


def replayed(db: Tables) -> dict[str, int]:
    """Return what is in production, skill by skill, as the events alone tell it."""
    state: dict[str, int] = {}
    for row in db.query("SELECT skill, kind, after FROM events ORDER BY id"):
        if row["kind"] in _MOVES and row["skill"] is not None and row["after"] is not None:
            state[row["skill"]] = row["after"]
    return state


def projected(db: Tables) -> dict[str, int]:
    """Return what is in production, skill by skill, as the projection tells it."""
    return {row["skill"]: row["production"] for row in db.query("SELECT skill, production FROM skill_state")}


def _moves(db: Tables, skill: str) -> tuple[Event, ...]:
    marks = ",".join("?" * len(_MOVES))
    rows = db.query(
        f"SELECT * FROM events WHERE skill = ? AND kind IN ({marks}) ORDER BY id",  # noqa: S608 - only marks
        [skill, *_MOVES],
    )
    return tuple(_event(row) for row in rows)


def _event(row: dict[str, Any]) -> Event:
    return Event(**{**row, "data": json.loads(row["data"])})


def _digest(row: dict[str, Any]) -> str:
    body = {name: value for name, value in row.items() if name not in {"id", "hash"}}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
