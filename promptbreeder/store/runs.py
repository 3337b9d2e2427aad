"""Runs: a row and a journal; every write of a driver checks its fence.

The lease says which process drives a run until when; the fence grows with each claim, so a process that was stopped
beyond its lease and woke up again cannot write any more (Kleppmann's fencing token).
"""

from dataclasses import dataclass
from typing import Any

from promptbreeder.errors import Conflict, LeaseLost, NotFound
from promptbreeder.results import RunStatus
from promptbreeder.store.leases import is_honoured
from promptbreeder.store.tables import Tables

LEASE_SECONDS = 30.0
LIVE = ("queued", "running", "paused")


@dataclass(frozen=True, slots=True)
class Run:
    """A run's row."""

    run_id: str
    skill: str
    kind: str
    status: RunStatus
    config: str
    """JSON: the frozen plan, and the arguments it was made from."""
    seed: int
    fingerprint: str
    owner: str | None
    fence: int
    lease_until: float
    cancel_requested: bool
    progress: str | None
    result: str | None
    error: str | None
    created_at: float
    updated_at: float

    @property
    def has_ended(self) -> bool:
        """Whether the run is over for good."""
        return self.status not in LIVE

    @property
    def can_go_on(self) -> bool:
        """Whether it is not over, nor about to be: somebody may have asked for its end."""
        return not (self.has_ended or self.cancel_requested)

    def is_leased(self, now: float) -> bool:
        """Whether a process drives it."""
        return self.owner is not None and is_honoured(self.lease_until, now=now, seconds=LEASE_SECONDS)

    def is_orphaned(self, now: float) -> bool:
        """Whether it is to be driven, and nobody does: who drove it was killed, and could not write that it stopped."""
        return self.status in {"queued", "running"} and not self.is_leased(now)

    def status_at(self, now: float) -> RunStatus:
        """Return how it really stands: the row of a killed driver goes on saying `running`, or `queued`."""
        if self.has_ended or self.is_leased(now):
            return self.status
        if self.cancel_requested:
            return "cancelled"
        # Whoever creates a run claims it at once.
        is_new = self.status == "queued" and now - self.created_at < LEASE_SECONDS
        return "queued" if is_new else "paused"


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One journaled ask."""

    n: int
    ask_kind: str
    ask_hash: str
    answer: str


def create(
    db: Tables, *, run_id: str, skill: str, kind: str, seed: int, fingerprint: str, config: str, now: float
) -> None:
    """Store a queued run.

    Raises:
        Conflict: if the skill has a live run.
    """
    other = live(db, skill)
    if other is not None:
        raise Conflict(
            f"run {other.run_id} of '{skill}' is {other.status_at(now)}; follow it with get_run, or cancel_run it"
        )
    db.table("runs").insert(
        {
            "run_id": run_id,
            "skill": skill,
            "kind": kind,
            "status": "queued",
            "config": config,
            "seed": seed,
            "fingerprint": fingerprint,
            "created_at": now,
            "updated_at": now,
        }
    )


def get(db: Tables, run_id: str) -> Run:
    """Return a run.

    Raises:
        NotFound: if there is no such run.
    """
    for row in db.query("SELECT * FROM runs WHERE run_id = ?", [run_id]):
        return _run(row)
    raise NotFound(f"no run {run_id[:40]!r}; get_fitness or `promptbreeder-mcp skills` lists each skill's run")


def live(db: Tables, skill: str) -> Run | None:
    """Return the skill's run that has not ended, if any."""
    marks = ",".join("?" * len(LIVE))
    rows = db.query(f"SELECT * FROM runs WHERE skill = ? AND status IN ({marks})", [skill, *LIVE])  # noqa: S608
    return next((_run(row) for row in rows), None)


def recent(db: Tables, skill: str | None, *, limit: int = 20) -> tuple[Run, ...]:
    """Return runs, newest first."""
    rows = db.query(
        "SELECT * FROM runs WHERE skill = coalesce(?, skill) ORDER BY created_at DESC, rowid DESC LIMIT ?",
        [skill, limit],
    )
    return tuple(_run(row) for row in rows)


def last_written(db: Tables) -> float:
    """Return when the row of a run was written last, in Unix seconds; 0 where there is none."""
    (row,) = db.query("SELECT coalesce(max(updated_at), 0.0) AS moment FROM runs")
    return float(row["moment"])


def written_after(db: Tables, moment: float) -> tuple[Run, ...]:
    """Return the runs whose row was written after a moment, oldest first."""
    rows = db.query("SELECT * FROM runs WHERE updated_at > ? ORDER BY updated_at, rowid", [moment])
    return tuple(_run(row) for row in rows)


def met_gate(db: Tables, skill: str) -> tuple[Run, ...]:
    """Return the runs of a skill whose winner was measured on the gate split, in the order in which they began."""
    # By row, not by time: the clock may have gone back.
    rows = db.query(
        "SELECT * FROM runs WHERE skill = ? AND run_id IN (SELECT run_id FROM run_journal WHERE ask_kind = 'gate' "
        "AND json_array_length(answer, '$.answer.challenger.scores') > 0) ORDER BY rowid",
        [skill],
    )
    return tuple(_run(row) for row in rows)


def finished(db: Tables, *, limit: int = 100) -> tuple[Run, ...]:
    """Return the runs that ended by themselves, newest first."""
    rows = db.query(
        "SELECT * FROM runs WHERE status = 'finished' ORDER BY created_at DESC, rowid DESC LIMIT ?", [limit]
    )
    return tuple(_run(row) for row in rows)


def has_finished(db: Tables, skill: str) -> bool:
    """Tell whether a run of the skill has ended by itself."""
    return bool(db.table("runs").count_where("skill = ? AND status = 'finished'", [skill]))


def claim(db: Tables, run_id: str, *, owner: str, now: float) -> int:
    """Take the lease of a run that nobody drives, and return the new fence.

    Raises:
        Conflict: if it has ended, or another process holds the lease.
    """
    run = get(db, run_id)
    if run.has_ended:
        raise Conflict(f"run {run_id} has ended ({run.status})")
    if run.is_leased(now):
        raise Conflict(f"another process drives run {run_id}; it can be taken over when its lease has run out")
    db.execute(
        "UPDATE runs SET owner = ?, fence = fence + 1, lease_until = ?, status = 'running', error = NULL, "
        "updated_at = ? WHERE run_id = ?",
        [owner, now + LEASE_SECONDS, now, run_id],
    )
    return run.fence + 1


def heartbeat(db: Tables, run_id: str, fence: int, *, now: float) -> None:
    """Extend the lease.

    Raises:
        LeaseLost: if another process took the run over.
    """
    held(db, run_id, fence)
    db.execute("UPDATE runs SET lease_until = ? WHERE run_id = ?", [now + LEASE_SECONDS, run_id])


def request_cancel(db: Tables, run_id: str, *, now: float) -> None:
    """Ask whoever drives the run, or takes it over, to stop.

    Raises:
        Conflict: if it has ended.
    """
    run = get(db, run_id)
    if run.has_ended:
        raise Conflict(f"run {run_id} has already ended ({run.status}); nothing to cancel")
    db.execute("UPDATE runs SET cancel_requested = 1, updated_at = ? WHERE run_id = ?", [now, run_id])


def set_progress(db: Tables, run_id: str, fence: int, progress: str, *, now: float) -> None:
    """Write how far the run is; raises LeaseLost."""
    held(db, run_id, fence)
    db.execute("UPDATE runs SET progress = ?, updated_at = ? WHERE run_id = ?", [progress, now, run_id])


def stop(
    db: Tables, run_id: str, fence: int, *, status: RunStatus, result: str | None, error: str | None, now: float
) -> None:
    """Write how the run ended, or why it is paused, and release the lease; raises LeaseLost."""
    held(db, run_id, fence)
    db.execute(
        "UPDATE runs SET status = ?, result = ?, error = ?, owner = NULL, lease_until = 0, updated_at = ? "
        "WHERE run_id = ?",
        [status, result, error, now, run_id],
    )


def append_answer(
    db: Tables, run_id: str, fence: int, *, n: int, ask_kind: str, ask_hash: str, answer: str, now: float
) -> None:
    """Append the answer to the `n`-th ask.

    Raises:
        LeaseLost: if another process took the run over, or `n` is not the next number: then the journal is not the
            one that the driver knows, as after a backup was restored. What is in it stays sound.
    """
    held(db, run_id, fence)
    (last,) = db.query("SELECT count(*) AS n FROM run_journal WHERE run_id = ?", [run_id])
    if last["n"] != n:
        raise LeaseLost(
            f"the journal of run {run_id} has {last['n']} entries, so the next cannot be number {n}; was a backup "
            "restored?"
        )
    db.table("run_journal").insert(
        {
            "run_id": run_id,
            "n": n,
            "ask_kind": ask_kind,
            "ask_hash": ask_hash,
            "answer": answer,
            "created_at": now,
        }
    )


def journal(db: Tables, run_id: str) -> tuple[JournalRow, ...]:
    """Return the journal, in order."""
    rows = db.query("SELECT n, ask_kind, ask_hash, answer FROM run_journal WHERE run_id = ? ORDER BY n", [run_id])
    return tuple(JournalRow(**row) for row in rows)


def held(db: Tables, run_id: str, fence: int) -> Run:
    """Return a run for who drives it under `fence`.

    Raises:
        LeaseLost: if another process took the run over, or the database no longer has it.
    """
    try:
        run = get(db, run_id)
    except NotFound:
        raise LeaseLost(f"run {run_id} is not in the database any more; was a backup restored?") from None
    if run.fence != fence or run.owner is None:
        raise LeaseLost(f"run {run_id} was taken over or ended by another process (fence {fence} -> {run.fence})")
    return run


def _run(row: dict[str, Any]) -> Run:
    return Run(**{**row, "cancel_requested": bool(row["cancel_requested"])})
