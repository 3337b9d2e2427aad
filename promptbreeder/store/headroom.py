"""Headroom checks: the last one of each skill, with what it was made on."""

import json
from dataclasses import dataclass

from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Checked:
    """One check."""

    skill: str
    version: int
    fingerprint: str
    """Of the model and the rules, see `Skill.measured_on`."""
    example_ids: tuple[int, ...]
    body: str
    """The result, as JSON."""
    created_at: float


def put(db: Tables, checked: Checked) -> None:
    """Keep a check in the place of the skill's earlier one."""
    db.execute(
        "INSERT OR REPLACE INTO headroom (skill, version, fingerprint, example_ids, body, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            checked.skill,
            checked.version,
            checked.fingerprint,
            json.dumps(checked.example_ids),
            checked.body,
            checked.created_at,
        ],
    )


def get(db: Tables, skill: str) -> Checked | None:
    """Return the skill's last check, if there was one."""
    for row in db.query("SELECT * FROM headroom WHERE skill = ?", [skill]):
        return Checked(**{**row, "example_ids": tuple(json.loads(row["example_ids"]))})
    return None
