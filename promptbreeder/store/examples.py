"""Examples: identified within a skill by the hash of their input as it is seen; their content never changes in place.

A correction retires the row and adds another, so that what was measured on the old answer, and a run that has frozen
the old id, still mean what they meant. Only deleting empties a row; the row itself stays, and its id is never used
again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promptbreeder.errors import Conflict, InvalidInput, NotFound
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
    retired: int = 0
    """Of the duplicates: those that were retired before, and stay so."""


def as_read(skill: Skill, stored: Sequence[StoredExample]) -> tuple[Example, ...]:
    """Return examples as a search reads them: labels as the skill writes them now, whenever they were stored."""
    answers = skill.as_labels(each.expected for each in stored)
    return tuple(Example(input=each.input, expected=answer) for each, answer in zip(stored, answers, strict=True))


def add(db: Tables, skill: Skill, examples: Sequence[Example], *, now: float) -> Added:
    """Store those examples that are new to the skill; what was retired is not new, what was deleted is."""
    stored = list(
        db.query(
            "SELECT input, input_hash, expected, retired_at FROM examples WHERE skill = ? AND deleted_at IS NULL "
            "ORDER BY retired_at IS NULL",  # the row in use comes last and overwrites those that it replaced
            [skill.name],
        )
    )
    # Hashes from before characters that cannot be seen were ignored stay in use; what has them is known by today's too.
    known = {input_hash(skill.salt, row["input"]): row for row in stored if not row["input"].isascii()}
    known |= {row["input_hash"]: row for row in stored}
    rows: list[dict[str, Any]] = []
    contradictions = []
    retired = 0
    answers = skill.as_labels(example.expected for example in examples)
    for example, expected in zip(examples, answers, strict=True):
        identity = input_hash(skill.salt, example.input)
        if identity in known:
            kept = known[identity]
            if kept.get("retired_at") is not None:
                retired += 1
            elif expected not in {kept["expected"], *skill.as_labels([kept["expected"]])}:
                contradictions.append(Contradiction(example.input, kept["expected"], expected))
            continue
        known[identity] = {
            "skill": skill.name,
            "input_hash": identity,
            "input": example.input,
            "expected": expected,
            "split": skill.split_of(example).value,
            "created_at": now,
        }
        rows.append(known[identity])
    db.table("examples").insert_all(rows)
    return Added(len(rows), len(examples) - len(rows), tuple(contradictions), retired)


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
    return page(db, skill, split=None, after=0, limit=-1)


def page(db: Tables, skill: str, *, split: Split | None, after: int, limit: int) -> tuple[StoredExample, ...]:
    """Return examples that are not retired, of one split or of all, from the first id above `after` on."""
    rows = db.query(
        "SELECT id, input, expected, split FROM examples WHERE skill = :skill AND split = coalesce(:split, split) "
        "AND retired_at IS NULL AND id > :after ORDER BY id LIMIT :limit",
        {"skill": skill, "split": split, "after": after, "limit": limit},
    )
    return tuple(_example(row) for row in rows)


def counts(db: Tables, skill: str) -> dict[Split, int]:
    """Return how many examples each split has."""
    rows = db.query(
        "SELECT split, count(*) AS n FROM examples WHERE skill = ? AND retired_at IS NULL GROUP BY split", [skill]
    )
    return {Split(row["split"]): row["n"] for row in rows}


def in_use(db: Tables, skill: str, split: Split) -> frozenset[int]:
    """Return the ids of the examples of a split that are not retired."""
    return frozenset(example.id for example in of_split(db, skill, split))


def by_ids(db: Tables, ids: Sequence[int]) -> tuple[StoredExample, ...]:
    """Return the examples with these ids, in this order, retired ones too.

    Raises:
        NotFound: naming those that were deleted.
    """
    # In one variable: how many a statement may have depends on how SQLite was built.
    rows = db.query(
        "SELECT id, input, expected, split FROM examples "
        "WHERE id IN (SELECT value FROM json_each(?)) AND deleted_at IS NULL",
        [json.dumps(ids)],
    )
    found = {row["id"]: _example(row) for row in rows}
    gone = [str(number) for number in ids if number not in found]
    if gone:
        raise NotFound(f"deleted: {'example' if len(gone) == 1 else 'examples'} {', '.join(gone)}")
    return tuple(found[number] for number in ids)


def get(db: Tables, skill: str, number: int) -> StoredExample:
    """Return an example that is in use.

    Raises:
        NotFound: if the skill has no such example.
        Conflict: if it is retired, naming the example that took its place.
    """
    row = _row(db, skill, number)
    if row["retired_at"] is None:
        return _example(row)
    for other in db.query(
        "SELECT id FROM examples WHERE skill = ? AND input_hash = ? AND retired_at IS NULL", [skill, row["input_hash"]]
    ):
        raise Conflict(f"example {number} of '{skill}' was corrected; example {other['id']} is in its place")
    raise Conflict(f"example {number} of '{skill}' is retired already")


def identities(db: Tables, skill: str) -> dict[int, str | int]:
    """Return by which the inputs of examples are told apart, by id: their hash, or what `delete` left of it."""
    rows = db.query("SELECT id, input_hash FROM examples WHERE skill = ?", [skill])
    return {row["id"]: row["input_hash"] or row["id"] for row in rows}


def id_of(db: Tables, skill: Skill, text: str) -> int | None:
    """Return the id of the example in use that has this input, or None."""
    rows = db.query(
        "SELECT id FROM examples WHERE skill = ? AND input_hash = ? AND retired_at IS NULL",
        [skill.name, input_hash(skill.salt, text)],
    )
    return next((int(row["id"]) for row in rows), None)


def correct(db: Tables, skill: str, number: int, expected: str, *, now: float) -> int:
    """Put an example with another answer in the place of example `number`, and return its id; raises as `get` does.

    Raises:
        InvalidInput: if that is the answer already.
    """
    old = get(db, skill, number)
    if old.expected == expected:
        raise InvalidInput(f"example {number} of '{skill}' expects {expected[:60]!r} already; nothing was changed")
    row = _row(db, skill, number)
    retire(db, skill, number, now=now)
    inserted = db.table("examples").insert(
        {
            "skill": skill,
            "input_hash": row["input_hash"],
            "input": old.input,
            "expected": expected,
            "split": old.split.value,
            "created_at": now,
        }
    )
    return int(inserted.last_pk)  # type: ignore[arg-type]  # an integer primary key


def retire(db: Tables, skill: str, number: int, *, now: float) -> StoredExample:
    """Take an example out of use and return it; raises as `get` does."""
    found = get(db, skill, number)
    db.execute("UPDATE examples SET retired_at = ? WHERE id = ?", [now, number])
    return found


def same_input(db: Tables, skill: str, number: int) -> tuple[StoredExample, ...]:
    """Return an example and all that it replaced or was replaced by, oldest first; raises NotFound."""
    rows = db.query(
        "SELECT id, input, expected, split FROM examples WHERE skill = ? AND input_hash = ? ORDER BY id",
        [skill, _row(db, skill, number)["input_hash"]],
    )
    return tuple(_example(row) for row in rows)


def delete(db: Tables, ids: Sequence[int], *, now: float) -> None:
    """Empty these rows, which have one input: what is left says that there was one, and in which split."""
    for number in ids:
        db.execute(
            "UPDATE examples SET input = '', input_hash = :left, expected = NULL, "
            "retired_at = coalesce(retired_at, :now), deleted_at = :now WHERE id = :id",
            {"now": now, "id": number, "left": f"deleted-{min(ids)}"},
        )


def answers(db: Tables, ids: Sequence[int]) -> dict[int, str | None]:
    """Return what these examples expect, by id; None for those that were deleted."""
    rows = db.query("SELECT id, expected FROM examples WHERE id IN (SELECT value FROM json_each(?))", [json.dumps(ids)])
    return {row["id"]: row["expected"] for row in rows}


def _row(db: Tables, skill: str, number: int) -> dict[str, Any]:
    for row in db.query("SELECT * FROM examples WHERE id = ? AND skill = ?", [number, skill]):
        if row["deleted_at"] is not None:
            raise NotFound(f"example {number} of '{skill}' was deleted")
        return row
    raise NotFound(f"'{skill}' has no example {number}; `promptbreeder-mcp examples {skill}` lists them")


def _example(row: dict[str, Any]) -> StoredExample:
    return StoredExample(row["id"], row["input"], row["expected"], Split(row["split"]))
