"""Examples that are corrected, retired or deleted while a run has frozen them."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptbreeder.errors import Conflict, ModelCrashed
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
LABELS = ("billing", "delivery", "technical")


async def change_all(service: Service, actor: Actor, split: str, how: str) -> None:
    """Correct or retire every example of a split."""
    for line in (await service.examples("tickets", split=split, limit=1_000)).examples:
        if how == "correct":
            wrong = LABELS[LABELS.index(line.expected or "") - 1]
            change = await service.correct_example("tickets", line.id, wrong, actor)
        else:
            change = await service.retire_example("tickets", line.id, actor)
        assert change.run is not None


@pytest.mark.parametrize("how", ["correct", "retire"])
async def test_a_paused_run_replays_on_the_examples_as_they_were(
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    actor: Actor,
    *,
    how: str,
) -> None:
    """Its plan names rows whose content does not change: the journal goes on as in a run that was never stopped."""
    whole, stopped = copy_of("whole"), copy_of("stopped")
    async with open_service(whole) as service:
        await evolve(service)
    async with open_service(stopped, ScriptedModel(fail_at={9: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        assert run.status == "paused"
        await change_all(service, actor, "search", how)
    async with open_service(stopped) as service:
        assert (await evolve(service, run_id=run.run_id)).status == "finished"
    assert journal(stopped) == journal(whole)


async def test_a_winner_is_not_made_by_gate_examples_that_no_longer_hold(
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
) -> None:
    """What the gate measured on answers that turned out wrong decides nothing; the run says that none is left."""
    counting = ScriptedModel()
    async with open_service(copy_of("whole"), counting) as service:
        assert (await evolve(service)).version == 2
    model = held_model(counting.calls)
    async with open_service(copy_of("changed"), model) as service:
        run = await evolve(service, wait=0)
        await model.reached.wait()
        await change_all(service, actor, "gate", "correct")
        model.release.set()
        await service.engine.wait(run.run_id)
        ended = await service.get_run(run.run_id)
        assert (ended.status, ended.version) == ("finished", None)
        assert "examples were changed in the meantime" in ended.verdict
        assert len(await service.versions("tickets")) == 1


async def test_one_retired_gate_example_is_left_out_of_the_verdict_and_the_evidence(
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
) -> None:
    """The rest of the gate decides, and is what the version is shown with; the raw scores are kept as measured."""
    counting = ScriptedModel()
    async with open_service(copy_of("whole"), counting) as service:
        await evolve(service)
    path, model = copy_of("changed"), held_model(counting.calls)
    async with open_service(path, model) as service:
        before = (await service.examples("tickets", split="gate")).counts.gate
        run = await evolve(service, wait=0)
        await model.reached.wait()
        (line,) = (await service.examples("tickets", split="gate", limit=1)).examples
        await service.retire_example("tickets", line.id, actor)
        model.release.set()
        await service.engine.wait(run.run_id)
        ended = await service.get_run(run.run_id)
        assert ended.version == 2
        assert f"n={before - 1} -> " in ended.verdict
        found = (await service.fitness("tickets", 2)).version
        assert found is not None
        assert found.gate is not None
        assert found.gate.n == before - 1
    with closing(sqlite3.connect(path)) as db:
        ids = db.execute("SELECT example_ids FROM evaluations WHERE version = 2 ORDER BY created_at").fetchone()[0]
    assert str(line.id) in ids.strip("[]").split(", ")


async def test_a_paused_run_whose_example_was_deleted_fails_and_says_so(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], actor: Actor
) -> None:
    """It cannot be replayed without the content; a new run can be started at once."""
    async with open_service(database, ScriptedModel(fail_at={3: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        (line,) = (await service.examples("tickets", split="search", limit=1)).examples
        change = await service.delete_example("tickets", line.id, actor)
        assert f"Run {run.run_id} cannot be resumed any more" in str(change)
    async with open_service(database) as service:
        failed = await evolve(service, run_id=run.run_id)
        assert failed.status == "failed"
        assert f"deleted: example {line.id}" in failed.verdict
        assert "starts a new run" in failed.next_step
        assert (await evolve(service)).status == "finished"


async def test_nothing_is_deleted_under_a_run_that_is_being_driven(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    actor: Actor,
) -> None:
    """It has the content in memory and would write it into a prompt."""
    model = held_model(3)
    async with open_service(database, model) as service:
        run = await evolve(service, wait=0)
        await model.reached.wait()
        with pytest.raises(Conflict, match=f"run {run.run_id} of 'tickets' is going on"):
            await service.delete_example("tickets", 1, actor)
        assert (await service.examples("tickets", limit=1)).examples[0].id == 1
        model.release.set()


class _SlowToLoad(ScriptedModel):
    """A model that loads until it is told to be ready."""

    def __init__(self) -> None:
        super().__init__()
        self.opening, self.ready = anyio.Event(), anyio.Event()

    async def open(self) -> None:
        """Wait."""
        self.opening.set()
        await self.ready.wait()


@pytest.mark.parametrize("how", ["correct", "delete"])
async def test_what_changes_while_the_model_loads_is_in_the_plan(
    how: str,
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    actor: Actor,
) -> None:
    """A run begins with the examples of the moment in which it is created."""
    slow, became = _SlowToLoad(), None
    async with open_service(database) as other, open_service(database, slow) as service:
        line = (await other.examples("tickets", split="search")).examples[0]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(evolve, service, wait=0))
            await slow.opening.wait()
            if how == "correct":
                wrong = LABELS[LABELS.index(line.expected or "") - 1]
                became = (await other.correct_example("tickets", line.id, wrong, actor)).became
            else:
                await other.delete_example("tickets", line.id, actor)
            slow.ready.set()
    with closing(sqlite3.connect(database)) as db:
        ((config,),) = db.execute("SELECT config FROM runs")
    planned = json.loads(config)["plan"]["search_ids"]
    assert line.id not in planned
    assert became is None or became in planned


async def test_a_skill_redefined_while_the_model_loads_is_not_evolved_by_halves(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """Labels of one moment and examples of another would be judged wrong; whoever asked can ask again."""
    slow = _SlowToLoad()
    async with open_service(database) as other, open_service(database, slow) as service:
        with pytest.RaisesGroup(pytest.RaisesExc(Conflict, match="redefined while its model was loading")):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(evolve, service, wait=0))
                await slow.opening.wait()
                await other.define_skill(ticket_skill(examples=[], description="Another task."), actor)
                slow.ready.set()
        assert await service.runs("tickets") == ()
