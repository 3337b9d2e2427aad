"""Evaluations: how a version did on a split, item by item, on one model and with one way of decoding."""

import json
from dataclasses import dataclass
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


def put(db: Tables, evaluation: Evaluation) -> None:
    """Store an evaluation in the place of an earlier one of the same version, split, decoding and model."""
    db.execute(
        "INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
        "scores = excluded.scores, example_ids = excluded.example_ids, fresh_tokens = excluded.fresh_tokens, "
        "completion_tokens = excluded.completion_tokens, unparsable = excluded.unparsable, "
        "created_at = excluded.created_at",
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


def models(db: Tables, skill: str, version: int) -> tuple[str, ...]:
    """Return on what a version was measured: fingerprints with the rules that judged."""
    rows = db.query("SELECT DISTINCT fingerprint FROM evaluations WHERE skill = ? AND version = ?", [skill, version])
    return tuple(row["fingerprint"] for row in rows)


def _evaluation(row: dict[str, Any]) -> Evaluation:
    return Evaluation(
        **{
            **row,
            "split": Split(row["split"]),
            "decoding": Decoding(row["decoding"]),
            "scores": tuple(json.loads(row["scores"])),
            "example_ids": tuple(json.loads(row["example_ids"])),
        }
    )
