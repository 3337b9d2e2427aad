"""Evaluations: how a version did on a split, item by item, on one model and with one way of decoding."""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from promptbreeder.prompt import Decoding
from promptbreeder.skill import Split
from promptbreeder.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One measurement of a version."""

    skill: str
    version: int
    split: Split
    decoding: Decoding
    fingerprint: str
    """Of the model: measurements on different models are never compared."""
    scores: tuple[float, ...]
    example_ids: tuple[int, ...]
    """As long as `scores`, in the same order."""
    fresh_tokens: int
    completion_tokens: int
    unparsable: int
    created_at: float
    unparsable_ids: tuple[int, ...] | None = None
    """The examples whose answers were unparsable; None where it was measured before that was kept."""

    def on(self, ids: Collection[int]) -> "Evaluation":
        """Return what of it was measured on the examples `ids`; tokens keep their mean.

        So do unparsable answers where it is not known on which examples they were.
        """
        wanted = frozenset(ids)
        pairs = zip(self.scores, self.example_ids, strict=True)
        kept = [(score, number) for score, number in pairs if number in wanted]
        share = len(kept) / max(1, len(self.scores))
        unparsable = None if self.unparsable_ids is None else tuple(n for n in self.unparsable_ids if n in wanted)
        return replace(
            self,
            scores=tuple(score for score, _ in kept),
            example_ids=tuple(number for _, number in kept),
            fresh_tokens=round(share * self.fresh_tokens),
            completion_tokens=round(share * self.completion_tokens),
            unparsable=round(share * self.unparsable) if unparsable is None else len(unparsable),
            unparsable_ids=unparsable,
        )


def paired(one: Evaluation, other: Evaluation) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the scores of both on the examples that both were measured on, in the same order."""
    scores = dict(zip(other.example_ids, other.scores, strict=True))
    both = [(s, scores[number]) for s, number in zip(one.scores, one.example_ids, strict=True) if number in scores]
    return tuple(mine for mine, _ in both), tuple(theirs for _, theirs in both)


def put(db: Tables, evaluation: Evaluation) -> None:
    """Store an evaluation in the place of an earlier one of the same version, split, decoding and model."""
    db.execute(
        "INSERT INTO evaluations (skill, version, split, decoding, fingerprint, scores, example_ids, fresh_tokens, "
        "completion_tokens, unparsable, created_at, unparsable_ids) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET "
        "scores = excluded.scores, example_ids = excluded.example_ids, fresh_tokens = excluded.fresh_tokens, "
        "completion_tokens = excluded.completion_tokens, unparsable = excluded.unparsable, "
        "created_at = excluded.created_at, unparsable_ids = excluded.unparsable_ids",
        [
            evaluation.skill,
            evaluation.version,
            evaluation.split.value,
            evaluation.decoding.value,
            evaluation.fingerprint,
            json.dumps(evaluation.scores),
            json.dumps(evaluation.example_ids),
            evaluation.fresh_tokens,
            evaluation.completion_tokens,
            evaluation.unparsable,
            evaluation.created_at,
            None if evaluation.unparsable_ids is None else json.dumps(evaluation.unparsable_ids),
        ],
    )


def latest(
    db: Tables, skill: str, version: int, split: Split, *, decoding: Decoding, fingerprint: str | None = None
) -> Evaluation | None:
    """Return the newest evaluation of a version; on one model where `fingerprint` is given."""
    rows = db.query(
        "SELECT * FROM evaluations WHERE skill = ? AND version = ? AND split = ? AND decoding = ? "
        "AND fingerprint = coalesce(?, fingerprint) ORDER BY created_at DESC LIMIT 1",
        [skill, version, split.value, decoding.value, fingerprint],
    )
    for row in rows:
        return _evaluation(row)
    return None


def before(
    db: Tables, skill: str, version: int, split: Split, *, decoding: Decoding, judged: str, measured_on: str
) -> Evaluation | None:
    """Return the newest evaluation on another model under the same rules, from before the first on `measured_on`."""
    # By row, not by time: the clock may have gone back, and a row that is renewed keeps its place.
    rows = db.query(
        "SELECT * FROM evaluations AS other WHERE skill = :skill AND version = :version AND split = :split "
        "AND decoding = :decoding AND fingerprint <> :measured_on AND NOT EXISTS (SELECT 1 FROM evaluations AS mine "
        "WHERE mine.skill = :skill AND mine.version = :version AND mine.split = :split AND mine.decoding = :decoding "
        "AND mine.fingerprint = :measured_on AND mine.rowid < other.rowid) ORDER BY other.rowid DESC",
        {
            "skill": skill,
            "version": version,
            "split": split.value,
            "decoding": decoding.value,
            "measured_on": measured_on,
        },
    )
    return next((_evaluation(row) for row in rows if row["fingerprint"].endswith(judged)), None)


def last_measured(db: Tables) -> float:
    """Return when the newest evaluation was made, in Unix seconds; 0 where there is none."""
    (row,) = db.query("SELECT coalesce(max(created_at), 0.0) AS moment FROM evaluations")
    return float(row["moment"])


def measured_after(db: Tables, moment: float) -> tuple[str, ...]:
    """Return the skills of which a version was measured after a moment."""
    rows = db.query("SELECT DISTINCT skill FROM evaluations WHERE created_at > ? ORDER BY skill", [moment])
    return tuple(row["skill"] for row in rows)


def models(db: Tables, skill: str, version: int) -> tuple[str, ...]:
    """Return on what a version was measured: fingerprints with the rules that judged."""
    rows = db.query("SELECT DISTINCT fingerprint FROM evaluations WHERE skill = ? AND version = ?", [skill, version])
    return tuple(row["fingerprint"] for row in rows)


def met_gate(db: Tables, skill: str) -> tuple[Evaluation, ...]:
    """Return an evaluation on the gate split of each version that has one, in the order in which they met it."""
    # By row, as in `before`.
    rows = db.query(
        "SELECT * FROM evaluations WHERE rowid IN (SELECT min(rowid) FROM evaluations WHERE skill = ? AND split = ? "
        "GROUP BY version) ORDER BY rowid",
        [skill, Split.GATE.value],
    )
    return tuple(_evaluation(row) for row in rows)


def versions_measured_on(db: Tables, skill: str, ids: Collection[int]) -> tuple[int, ...]:
    """Return the versions with a measurement that one of these examples was part of."""
    rows = db.query("SELECT version, example_ids FROM evaluations WHERE skill = ? ORDER BY version", [skill])
    found = [row["version"] for row in rows if not set(ids).isdisjoint(json.loads(row["example_ids"]))]
    return tuple(dict.fromkeys(found))


def _evaluation(row: dict[str, Any]) -> Evaluation:
    return Evaluation(
        **{
            **row,
            "split": Split(row["split"]),
            "decoding": Decoding(row["decoding"]),
            "scores": tuple(json.loads(row["scores"])),
            "example_ids": tuple(json.loads(row["example_ids"])),
            "unparsable_ids": None if row["unparsable_ids"] is None else tuple(json.loads(row["unparsable_ids"])),
        }
    )
