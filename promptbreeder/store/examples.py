"""Examples: identified within a skill by the hash of their normalised input; never changed, only retired."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promptbreeder.skill import Example, Skill, Split, input_hash
from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class StoredExample:
    """An example with its id and the split it is in."""

    id: int
    input: str
    expected: str | None
    split: Split


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The same input was given with another answer; the stored one was kept."""

    input: str
    kept: str | None
    given: str | None


@dataclass(frozen=True, slots=True)
class Added:
    """What came of adding examples."""

    added: int
    duplicates: int
    contradictions: tuple[Contradiction, ...]


def add(db: Tables, skill: Skill, examples: Sequence[Example], *, now: float) -> Added:
    """Store those examples that are new to the skill."""
    known = {
        row["input_hash"]: row["expected"]
        for row in db.query("SELECT input_hash, expected FROM examples WHERE skill = ?", [skill.name])
    }
    rows: list[dict[str, Any]] = []
    contradictions = []
    for example in examples:
        identity = input_hash(skill.salt, example.input)
        if identity in known:
            if known[identity] != example.expected:
                contradictions.append(Contradiction(example.input, known[identity], example.expected))
            continue
        known[identity] = example.expected
        rows.append(
            {
                "skill": skill.name,
                "input_hash": identity,
                "input": example.input,
                "expected": example.expected,
                "split": skill.split_of(example).value,
                "created_at": now,
            }
        )
    db.table("examples").insert_all(rows)
    return Added(len(rows), len(examples) - len(rows), tuple(contradictions))


def of_split(db: Tables, skill: str, split: Split) -> tuple[StoredExample, ...]:
    """Return the examples of one split that are not retired, in a fixed order that says nothing about them."""
    rows = db.query(
        "SELECT id, input, expected, split FROM examples "
        "WHERE skill = ? AND split = ? AND retired_at IS NULL ORDER BY input_hash",
        [skill, split.value],
    )
    return tuple(_example(row) for row in rows)


def all_examples(db: Tables, skill: str) -> tuple[StoredExample, ...]:
    """Return all examples that are not retired, in the order in which they came."""
    rows = db.query(
        "SELECT id, input, expected, split FROM examples WHERE skill = ? AND retired_at IS NULL ORDER BY id", [skill]
    )
    return tuple(_example(row) for row in rows)


def counts(db: Tables, skill: str) -> dict[Split, int]:
    """Return how many examples each split has."""
    rows = db.query(
        "SELECT split, count(*) AS n FROM examples WHERE skill = ? AND retired_at IS NULL GROUP BY split", [skill]
    )
    return {Split(row["split"]): row["n"] for row in rows}


def by_ids(db: Tables, ids: Sequence[int]) -> tuple[StoredExample, ...]:
    """Return the examples with these ids, in this order, retired ones too."""
    marks = ",".join("?" * len(ids))
    rows = db.query(f"SELECT id, input, expected, split FROM examples WHERE id IN ({marks})", list(ids))  # noqa: S608
    found = {row["id"]: _example(row) for row in rows}
    return tuple(found[number] for number in ids)


def _example(row: dict[str, Any]) -> StoredExample:
    return StoredExample(row["id"], row["input"], row["expected"], Split(row["split"]))
