"""Patterns: what became of each in every finished run, one row a run and pattern."""

from collections.abc import Mapping
from dataclasses import dataclass

from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Use:
    """A pattern in one run."""

    pattern: str
    skill: str
    family: str
    """Of the models that the skill is on."""
    won: bool
    """The run's winner had it, production had not, and the gate split all but shows that the winner is better."""
    gain: float | None
    """Gate accuracy of that winner minus production's; None where the winner had it not."""


def put(
    db: Tables, run_id: str, skill: str, family: str, gains: Mapping[str, float | None], *, won: bool, now: float
) -> None:
    """Store what became of patterns in a run: by name what the winner that had it gained, None where it had not.

    `won` says whether that winner's gain is more than chance explains.
    """
    db.table("patterns").insert_all(
        {
            "run_id": run_id,
            "pattern": name,
            "skill": skill,
            "family": family,
            "won": int(gain is not None and won),
            "gain": gain,
            "created_at": now,
        }
        for name, gain in gains.items()
    )


def latest(db: Tables) -> tuple[Use, ...]:
    """Return the last use of each pattern on each skill, by pattern and skill."""
    rows = db.query(
        "SELECT pattern, skill, family, won, gain, max(rowid) FROM patterns "
        "GROUP BY pattern, skill, family ORDER BY pattern, skill, family"
    )
    return tuple(Use(row["pattern"], row["skill"], row["family"], bool(row["won"]), row["gain"]) for row in rows)
