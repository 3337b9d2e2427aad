"""What is stored of a run about its operators."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.evolution.credit import Record
from promptbreeder.prompt import Prompt
from promptbreeder.runs.answering import Material
from promptbreeder.runs.plan import Plan
from promptbreeder.service import Service
from promptbreeder.skill import Skill
from promptbreeder.usecases.desk import task_of


@pytest.mark.anyio
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


def test_what_is_known_of_operators_is_frozen_in_a_plan_and_reaches_the_strategy() -> None:
    """Replay draws by the records of the day on which the run began."""
    skill = Skill(name="s", description="d", model="m", salt="s")
    fields = {"skill": skill, "seeds": (Prompt(instruction="x"),), "incumbent": 1, "strategy": "auto", "profile": "p"}
    limits = {"token_limit": 1, "call_limit": 1, "seconds_limit": 1, "read_rate": 1, "write_rate": 1, "preference": 0.5}
    ids = {"train_ids": (), "search_ids": (), "gate_ids": (), "executor": "e", "writer": "w", "seed": 1}
    known = {"layout": Record(3, 8)}
    stored = Plan.model_validate({**fields, **limits, **ids, "priors": known}).model_dump_json()
    plan = Plan.model_validate_json(stored)
    assert task_of(plan, Material(train=(), search=(), gate=())).priors == known
    assert Plan.model_validate({**fields, **limits, **ids}).priors == {}
