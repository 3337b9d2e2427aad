"""Prompt versions: numbered from 1 within a skill, immutable, one for each content hash."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from promptbreeder.errors import NotFound
from promptbreeder.prompt import Prompt, content_hash
from promptbreeder.store import events, skills
from promptbreeder.store.tables import Tables

Origin = Literal["human", "evolved", "assistant", "import"]


class Calibration(TypedDict):
    """Mean log-probability of each label, and the model on which it was measured."""

    fingerprint: str
    prior: list[float]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a skill's prompt."""

    skill: str
    n: int
    prompt: Prompt
    content_hash: str
    origin: Origin
    parents: tuple[int, ...]
    operator: str
    run_id: str | None
    calibration: Calibration | None
    created_at: float

    def prior_on(self, measured_on: str) -> tuple[float, ...] | None:
        """Return the calibration that it is executed with where it was measured so (`Skill.measured_on`), or None."""
        stored = self.calibration
        return tuple(stored["prior"]) if stored is not None and stored["fingerprint"] == measured_on else None


def add(
    db: Tables,
    skill: str,
    prompt: Prompt,
    *,
    origin: Origin,
    parents: tuple[int, ...],
    operator: str,
    run_id: str | None,
    calibration: Calibration | None,
    now: float,
) -> int:
    """Store a prompt as the next version and return its number; a prompt already stored keeps its own."""
    for row in db.query("SELECT n FROM versions WHERE skill = ? AND content_hash = ?", [skill, prompt.content_hash]):
        return int(row["n"])
    (last,) = db.query("SELECT coalesce(max(n), 0) AS n FROM versions WHERE skill = ?", [skill])
    number = int(last["n"]) + 1
    db.table("versions").insert(
        {
            "skill": skill,
            "n": number,
            "content_hash": prompt.content_hash,
            "prompt": prompt.model_dump_json(),
            "origin": origin,
            "parents": json.dumps(parents),
            "operator": operator,
            "run_id": run_id,
            "calibration": None if calibration is None else json.dumps(calibration),
            "created_at": now,
        }
    )
    return number


def made_by(db: Tables, skill: str, run_ids: Collection[str]) -> frozenset[int]:
    """Return the versions that came out of these runs."""
    rows = db.query("SELECT n, run_id FROM versions WHERE skill = ? AND run_id IS NOT NULL", [skill])
    return frozenset(row["n"] for row in rows if row["run_id"] in run_ids)


def get(db: Tables, skill: str, n: int) -> Version:
    """Return version `n`.

    Raises:
        NotFound: naming the versions that there are.
    """
    for row in db.query("SELECT * FROM versions WHERE skill = ? AND n = ?", [skill, n]):
        return _version(row)
    skills.get(db, skill)
    (last,) = db.query("SELECT max(n) AS n FROM versions WHERE skill = ?", [skill])
    raise NotFound(f"'{skill}' has no version {n}; there are 1 to {last['n']}")


def production(db: Tables, skill: str) -> Version:
    """Return the version in production.

    Raises:
        NotFound: if there is no such skill.
    """
    skills.get(db, skill)
    return get(db, skill, events.production(db, skill))


def all_versions(db: Tables, skill: str) -> tuple[Version, ...]:
    """Return all versions, oldest first."""
    return tuple(_version(row) for row in db.query("SELECT * FROM versions WHERE skill = ? ORDER BY n", [skill]))


def altered(db: Tables) -> tuple[str, ...]:
    """Return the versions whose stored prompt is not the one that was hashed when it was stored."""
    # The stored text decides, not today's fields of a prompt: a version from before a field existed is sound.
    rows = db.query("SELECT skill, n, prompt, content_hash FROM versions ORDER BY skill, n")
    return tuple(
        f"{row['skill']} {row['n']}" for row in rows if content_hash(json.loads(row["prompt"])) != row["content_hash"]
    )


def _version(row: dict[str, Any]) -> Version:
    return Version(
        skill=row["skill"],
        n=row["n"],
        prompt=Prompt.model_validate_json(row["prompt"]),
        content_hash=row["content_hash"],
        origin=row["origin"],
        parents=tuple(json.loads(row["parents"])),
        operator=row["operator"],
        run_id=row["run_id"],
        calibration=None if row["calibration"] is None else json.loads(row["calibration"]),
        created_at=row["created_at"],
    )
