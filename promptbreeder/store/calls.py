"""Calls: what `run_skill` answered, so that an outcome can be reported later."""

from promptbreeder.store.tables import Tables


def add(db: Tables, *, call_id: str, skill: str, version: int, text: str, answer: str, now: float) -> None:
    """Store one call."""
    db.table("calls").insert(
        {"call_id": call_id, "skill": skill, "version": version, "input": text, "answer": answer, "created_at": now}
    )


def inputs(db: Tables, skill: str) -> tuple[str, ...]:
    """Return the inputs that the skill was run on, oldest first."""
    rows = db.query("SELECT input FROM calls WHERE skill = ? GROUP BY input ORDER BY min(rowid)", [skill])
    return tuple(row["input"] for row in rows)
