"""Calls: what `run_skill` answered, so that an outcome can be reported later.

A call whose input is deleted as an example is emptied: its outcome, which counts on, stays that of a call. A call that
nobody reported on is kept for `KEPT_DAYS`, so that a skill which answers all day does not fill the disk.
"""

from dataclasses import dataclass

from promptbreeder.errors import NotFound
from promptbreeder.skill import Skill, input_hash
from promptbreeder.store.tables import Tables

KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Call:
    """One answer that was given."""

    call_id: str
    skill: str
    version: int
    input: str
    answer: str
    created_at: float


def add(db: Tables, *, call_id: str, skill: str, version: int, text: str, answer: str, now: float) -> None:
    """Store one call."""
    db.table("calls").insert(
        {"call_id": call_id, "skill": skill, "version": version, "input": text, "answer": answer, "created_at": now}
    )


def inputs(db: Tables, skill: str) -> tuple[str, ...]:
    """Return the inputs that the skill was run on, oldest first, but for those that were deleted."""
    rows = db.query(
        "SELECT input FROM calls WHERE skill = ? AND input <> '' GROUP BY input ORDER BY min(rowid)", [skill]
    )
    return tuple(row["input"] for row in rows)


def empty(db: Tables, skill: Skill, text: str) -> tuple[str, ...]:
    """Take input and answer out of all calls with the same input as `text`; return the inputs as they were written."""
    deleted = input_hash(skill.salt, text)
    same = tuple(known for known in inputs(db, skill.name) if input_hash(skill.salt, known) == deleted)
    for known in same:
        db.execute("UPDATE calls SET input = '', answer = '' WHERE skill = ? AND input = ?", [skill.name, known])
    return same


def drop_old(db: Tables, *, now: float) -> int:
    """Drop the calls of more than `KEPT_DAYS` ago that have no outcome; return how many were dropped."""
    dropped = db.execute(
        "DELETE FROM calls WHERE created_at < ? AND call_id NOT IN (SELECT call_id FROM outcomes)",
        [now - KEPT_DAYS * 86_400],
    )
    return int(dropped.rowcount)


def get(db: Tables, call_id: str) -> Call:
    """Return a call.

    Raises:
        NotFound: if there is no such call.
    """
    for row in db.query("SELECT * FROM calls WHERE call_id = ?", [call_id]):
        return Call(**row)
    raise NotFound(
        f"no call {call_id[:40]!r}; run_skill answers and gives an id, as does `promptbreeder-mcp run`, which can be "
        f"reported on for {KEPT_DAYS} days"
    )
