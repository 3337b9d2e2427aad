"""Immigrants: prompts that are handed to a run from outside, kept until its driver takes them."""

from collections.abc import Sequence

from promptbreeder.errors import Conflict
from promptbreeder.store import runs
from promptbreeder.store.tables import Tables


def add(db: Tables, run_id: str, prompts: Sequence[str], *, now: float) -> None:
    """Hand prompts (JSON) to a run.

    Raises:
        Conflict: if it has ended.
    """
    run = runs.get(db, run_id)
    if run.has_ended:
        raise Conflict(f"run {run_id} has ended ({run.status}) and takes no candidates")
    db.table("immigrants").insert_all([{"run_id": run_id, "prompt": prompt, "created_at": now} for prompt in prompts])


def handed_in(db: Tables, run_id: str) -> tuple[str, ...]:
    """Return all prompts that were ever handed to a run, taken or not, in order."""
    return tuple(
        row["prompt"] for row in db.query("SELECT prompt FROM immigrants WHERE run_id = ? ORDER BY id", [run_id])
    )


def take(db: Tables, run_id: str, fence: int, *, now: float) -> tuple[str, ...]:
    """Return the prompts not yet taken, in order, and mark them; raises LeaseLost."""
    runs.held(db, run_id, fence)
    rows = list(
        db.query("SELECT id, prompt FROM immigrants WHERE run_id = ? AND consumed_at IS NULL ORDER BY id", [run_id])
    )
    db.execute("UPDATE immigrants SET consumed_at = ? WHERE run_id = ? AND consumed_at IS NULL", [now, run_id])
    return tuple(row["prompt"] for row in rows)
