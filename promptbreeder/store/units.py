"""Units: the populations that a run told of, generation by generation."""

import json
from collections.abc import Sequence
from typing import Any

from promptbreeder.store.tables import Tables


def put(db: Tables, run_id: str, generation: int, units: Sequence[dict[str, Any]]) -> None:
    """Store the population of one generation; in the transaction that journals it, which checks the fence."""
    db.table("units").insert_all(
        [{"run_id": run_id, "generation": generation, "slot": slot, **unit} for slot, unit in enumerate(units)],
        replace=True,
    )


def ancestry(db: Tables, run_id: str) -> dict[str, dict[str, Any]]:
    """Return every unit ever told of, by content hash, as it was first: its operator, parents and instruction."""
    rows = db.query(
        "SELECT content_hash, instruction, operator, parents, generation FROM units WHERE run_id = ? "
        "ORDER BY generation DESC, slot DESC",
        [run_id],
    )
    return {row["content_hash"]: {**row, "parents": tuple(json.loads(row["parents"]))} for row in rows}
