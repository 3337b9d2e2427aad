"""Checks: what the monitor last saw of each skill, and when it last started an evolution by itself."""

from dataclasses import asdict, dataclass

from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Check:
    """The monitor's last look at a skill."""

    skill: str
    checked_at: float
    model: str | None
    """Fingerprint of the model, as far as it was looked at."""
    seen: str
    """Digest of all that the outcome of a check depends on besides live outcomes."""
    last_outcome: int
    state: str
    action: str
    sentence: str
    evolution_started: float | None = None
    """When the monitor last started an evolution, whatever became of it."""


def get(db: Tables, skill: str) -> Check | None:
    """Return the last check of a skill."""
    for row in db.query("SELECT * FROM monitor WHERE skill = ?", [skill]):
        return Check(**row)
    return None


def put(db: Tables, check: Check) -> None:
    """Store a check in the place of the last; when an evolution was started is kept, whatever `check` says of it."""
    kept = get(db, check.skill)
    row = {**asdict(check), "evolution_started": None if kept is None else kept.evolution_started}
    db.table("monitor").insert(row, pk="skill", replace=True)


def note_evolution(db: Tables, skill: str, *, now: float) -> None:
    """Write that an evolution is started now by the monitor; the skill has been checked."""
    db.execute("UPDATE monitor SET evolution_started = ? WHERE skill = ?", [now, skill])


def is_due(db: Tables, *, now: float, every: float) -> bool:
    """Tell whether a skill was not checked in the last `every` seconds, or has had an outcome since it was."""
    rows = db.query(
        "SELECT 1 FROM skills LEFT JOIN monitor ON monitor.skill = skills.name WHERE checked_at IS NULL "
        "OR checked_at > :now OR checked_at <= :now - :every OR last_outcome < "
        "(SELECT coalesce(max(id), 0) FROM outcomes WHERE outcomes.skill = skills.name) LIMIT 1",
        {"now": now, "every": every},
    )
    return any(True for _ in rows)
