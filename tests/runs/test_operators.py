"""What is stored of a run about its operators."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.service import Service

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("strategy", ["promptbreeder", "evoprompt-ga", "edits"])
async def test_a_run_says_how_often_each_operators_children_beat_their_parents(
    strategy: str, database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Whatever the strategy: only children compared with their parent count, under the name of what made them."""
    async with open_service(database) as service:
        await evolve(service, strategy=strategy, generations=4)
    with closing(sqlite3.connect(database)) as db:
        (progress,) = db.execute("SELECT progress FROM runs").fetchone()
        told = {row[0].partition("+")[0] for row in db.execute("SELECT operator FROM units")}
    operators = json.loads(progress)["operators"]
    assert operators
    assert set(operators) <= told - {"seed", "immigrant"}
    assert all(0 <= record["better"] <= record["tried"] for record in operators.values())
    assert sum(record["tried"] for record in operators.values()) >= 3
