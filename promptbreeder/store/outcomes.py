"""Outcomes: whether the answer of a call was right; one a call, never changed.

Which outcomes came after which change of production is told by the number of the last event at that time, not by the
clock, which may go back.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from promptbreeder.errors import Conflict
from promptbreeder.store import calls
from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether one answer was right."""

    id: int
    correct: bool
    after_event: int
    """The last event that there was."""


def add(
    db: Tables, call: calls.Call, *, correct: bool, example: int | None, note: str, actor: str, client: str, now: float
) -> None:
    """Store the one outcome of a call.

    Raises:
        Conflict: if it has one already.
    """
    for row in db.query("SELECT correct FROM outcomes WHERE call_id = ?", [call.call_id]):
        raise Conflict(
            f"call {call.call_id} has its outcome already ({'right' if row['correct'] else 'wrong'}); an outcome is "
            "counted once and never changed. If the answer of its example is wrong, correct that: `promptbreeder-mcp "
            f"examples {call.skill} --correct ID --expected TEXT`. Nothing was stored."
        )
    (last,) = db.query("SELECT coalesce(max(id), 0) AS id FROM events")
    db.table("outcomes").insert(
        {
            "call_id": call.call_id,
            "skill": call.skill,
            "version": call.version,
            "correct": int(correct),
            "example": example,
            "note": note,
            "actor": actor,
            "client": client,
            "after_event": last["id"],
            "created_at": now,
        }
    )


def since(db: Tables, skill: str, version: int, event: int) -> Sequence[Outcome]:
    """Return the outcomes of a version that came after an event, oldest first."""
    rows = db.query(
        "SELECT id, correct, after_event FROM outcomes WHERE skill = ? AND version = ? AND after_event >= ? "
        "ORDER BY id",
        [skill, version, event],
    )
    return tuple(Outcome(row["id"], bool(row["correct"]), row["after_event"]) for row in rows)


def brought_in(db: Tables, skill: str, answered_by: Collection[int]) -> frozenset[int]:
    """Return the ids of the examples in use that came in by outcomes of answers of these versions.

    Also where the example was corrected since: another answer does not change how its input was chosen.
    """
    rows = db.query(
        "SELECT now.id, outcomes.version FROM outcomes JOIN examples AS came ON came.id = outcomes.example "
        "JOIN examples AS now ON now.skill = came.skill AND now.input_hash = came.input_hash "
        "WHERE outcomes.skill = ? AND now.retired_at IS NULL",
        [skill],
    )
    return frozenset(int(row["id"]) for row in rows if row["version"] in answered_by)


def last(db: Tables, skill: str) -> int:
    """Return the id of the skill's newest outcome, of whatever version; 0 without any."""
    (row,) = db.query("SELECT coalesce(max(id), 0) AS id FROM outcomes WHERE skill = ?", [skill])
    return int(row["id"])
