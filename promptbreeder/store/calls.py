"""Calls: what `run_skill` answered, so that an outcome can be reported later."""

from dataclasses import dataclass

from promptbreeder.errors import NotFound
from promptbreeder.store.tables import Tables


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
    """Return the inputs that the skill was run on, oldest first."""
    rows = db.query("SELECT input FROM calls WHERE skill = ? GROUP BY input ORDER BY min(rowid)", [skill])
    return tuple(row["input"] for row in rows)


def get(db: Tables, call_id: str) -> Call:
    """Return a call.

    Raises:
        NotFound: if there is no such call.
    """
    for row in db.query("SELECT * FROM calls WHERE call_id = ?", [call_id]):
        return Call(**row)
    raise NotFound(f"no call {call_id[:40]!r}; run_skill answers and gives an id, as does `promptbreeder-mcp run`")
