"""Calls: what `run_skill` answered, so that an outcome can be reported later."""

from promptbreeder.store.tables import Tables


def add(db: Tables, *, call_id: str, skill: str, version: int, text: str, answer: str, now: float) -> None:
    """Store one call."""
    db.table("calls").insert(
        {"call_id": call_id, "skill": skill, "version": version, "input": text, "answer": answer, "created_at": now}
    )
