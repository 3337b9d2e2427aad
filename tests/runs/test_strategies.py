"""Every strategy as a run: from the request to a version or an honest verdict."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.errors import Conflict, InvalidInput, ModelCrashed
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
NUMBERS = {"evoprompt-ga": 5, "evoprompt-de": 5, "opro": None, "mipro": None}
NEEDS_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")


def _steps(path: Path) -> set[str]:
    """Return the names of the steps that made units, without the edits that stepped in for the writer."""
    with closing(sqlite3.connect(path)) as db:
        return {operator.partition("+")[0] for (operator,) in db.execute("SELECT operator FROM units")}


EVERY = pytest.mark.parametrize("name", [*list(NUMBERS)[:-1], pytest.param("mipro", marks=NEEDS_OPTUNA)])


@EVERY
@pytest.mark.parametrize("profile", ["smollm2", "paper"])
async def test_a_strategy_finds_a_version_on_the_scripted_model(
    name: str, profile: str, database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Or says honestly that it found none; where there is one, it has a lineage."""
    async with open_service(database) as service:
        report = await evolve(service, strategy=name, profile=profile, population=NUMBERS[name], generations=4)
        assert (report.status, report.strategy) == ("finished", name)
        assert (report.generation, report.tokens <= report.budget_tokens) == (4, True)
        assert name in _steps(database)
        if report.version is None:
            assert "No improvement found" in report.verdict or "did not hold" in report.verdict
        else:
            view = await service.prompt("tickets", report.version)
            assert (view.origin, view.run_id) == ("evolved", report.run_id)
            assert view.operator != "candidate"
            assert await service.lineage(report.run_id)
    if profile == "smollm2":
        assert report.version == 2, "with varied starts the scripted model gets better"


@EVERY
async def test_a_small_budget_still_ends_in_a_verdict(
    name: str, database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Wherever the budget ends, a prompt is measured in full, and the run says what it found."""
    async with open_service(database) as service:
        report = await evolve(
            service, strategy=name, population=None, generations=None, budget_tokens=9_000, profile="smollm2"
        )
    assert report.status == "finished"
    assert report.best is not None
    assert report.verdict
    assert report.tokens <= 9_000


@EVERY
async def test_a_killed_run_ends_as_if_it_had_never_been_stopped(
    name: str,
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
) -> None:
    """Resume is replay, with another strategy seeding this one too."""
    arguments = {"strategy": name, "population": None, "generations": 3, "seed_with": "promptbreeder"}
    whole, stopped = copy_of("whole"), copy_of("stopped")
    async with open_service(whole) as service:
        assert (await evolve(service, **arguments)).status == "finished"
    async with open_service(stopped, ScriptedModel(fail_at={30: ModelCrashed("gone")})) as service:
        assert (await evolve(service, **arguments)).status == "paused"
    async with open_service(stopped) as service:
        assert (await evolve(service, **arguments)).status == "finished"
    assert journal(stopped) == journal(whole)


async def test_one_strategy_seeds_another(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Both leave their steps in the lineage of one run."""
    async with open_service(database) as service:
        report = await evolve(service, strategy="evoprompt-ga", seed_with="opro", population=None, generations=6)
    assert (report.status, report.strategy) == ("finished", "evoprompt-ga")
    assert {"opro", "evoprompt-ga"} <= _steps(database)


async def test_a_strategy_that_goes_first_leaves_the_other_most_of_the_budget(
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
) -> None:
    """It hands over when it has used up a third, also where it has generations left, and in a resumed run as well."""
    arguments = {"strategy": "evoprompt-ga", "seed_with": "opro", "population": None, "generations": 30}
    whole, stopped = copy_of("whole"), copy_of("stopped")
    async with open_service(whole) as service:
        report = await evolve(service, budget_tokens=6_000, **arguments)
    assert "The search ended with its budget." in report.verdict
    assert "went first" not in report.verdict
    assert {"opro", "evoprompt-ga"} <= _steps(whole)
    async with open_service(stopped, ScriptedModel(fail_at={40: ModelCrashed("gone")})) as service:
        assert (await evolve(service, budget_tokens=6_000, **arguments)).status == "paused"
    assert "handover" in [asked.kind for asked in journal(stopped)]
    async with open_service(stopped) as service:
        assert (await evolve(service, budget_tokens=6_000, **arguments)).status == "finished"
    assert journal(stopped) == journal(whole)


async def test_a_budget_that_the_first_strategy_needs_alone_is_named(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """The report names the main strategy, so it must say that this one never had its turn."""
    arguments = {"strategy": "evoprompt-ga", "population": None, "budget_tokens": 4_000}
    async with open_service(database) as service:
        report = await evolve(service, seed_with="opro", **arguments)
        alone = await evolve(service, **arguments)
    assert "opro went first, and evoprompt-ga did not come to a first population." in report.verdict
    assert "larger budget" in report.verdict
    assert "went first" not in alone.verdict


async def test_a_run_whose_main_strategy_had_no_turn_is_tried_again_with_a_larger_budget(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., Any],
    actor: Actor,
) -> None:
    """That the first strategy found nothing better says nothing of the other."""
    arguments = {"skill": "same", "strategy": "evoprompt-ga", "population": None, "generations": None}
    async with open_service(database, ScriptedModel(lambda _: "billing")) as service:
        await service.define_skill(ticket_skill(name="same", settings={"allowed_decoding": ["free"]}), actor)
        report = await evolve(service, seed_with="opro", budget_tokens=3_000, **arguments)
    assert "No improvement found" in report.verdict
    assert "opro went first" in report.verdict
    assert report.retry["budget_tokens"] == 6_000


async def test_a_live_run_with_another_seeding_is_a_conflict(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], held_model: Callable[[int], Any]
) -> None:
    """Seeding is one of the arguments by which a run is joined."""
    model = held_model(4)
    async with open_service(database, model) as service:
        run = await evolve(service, wait=0, seed_with="opro")
        await model.reached.wait()
        assert (await evolve(service, wait=0, seed_with="opro")).run_id == run.run_id
        with pytest.raises(Conflict, match="other arguments"):
            await evolve(service, wait=0)
        model.release.set()


async def test_a_run_begun_before_there_was_seeding_is_joined_and_resumed(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Plans and arguments of old rows have no such field; they mean what they meant."""
    async with open_service(database, ScriptedModel(fail_at={6: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    with closing(sqlite3.connect(database)) as db, db:
        (config,) = db.execute("SELECT config FROM runs").fetchone()
        old = json.loads(config)
        del old["plan"]["seed_with"], old["arguments"]["seed_with"]
        db.execute("UPDATE runs SET config = ?", [json.dumps(old)])
    async with open_service(database) as service:
        report = await evolve(service)
    assert (report.run_id, report.status) == (run.run_id, "finished")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"strategy": "opro", "population": 6}, "opro has no population"),
        ({"strategy": "evoprompt-de", "population": 2}, "at least 3"),
        ({"strategy": "opro", "population": None, "profile": "paper-small"}, "take one of smollm2, paper"),
        ({"seed_with": "luck"}, "no strategy is called 'luck'"),
        ({"strategy": "opro", "population": None, "seed_with": "opro"}, "names opro itself"),
    ],
)
async def test_what_a_strategy_cannot_do_is_refused_before_a_run_begins(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    changes: dict[str, Any],
    reason: str,
) -> None:
    """The message says what to change; no run is left behind."""
    async with open_service(database) as service:
        with pytest.raises(InvalidInput, match=reason):
            await evolve(service, **changes)
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (0,)


@NEEDS_OPTUNA
@pytest.mark.parametrize("installed", ["0.0.1", None])
async def test_a_run_of_mipro_is_not_resumed_with_another_optuna(
    installed: str | None,
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another version makes other choices from the same seed; the run waits for its own."""
    arguments = {"strategy": "mipro", "population": None, "generations": 3}
    async with open_service(database, ScriptedModel(fail_at={12: ModelCrashed("gone")})) as service:
        run = await evolve(service, **arguments)
    with monkeypatch.context() as patched:
        patched.setattr("promptbreeder.runs.plan.installed_optuna", lambda: installed)
        async with open_service(database) as service:
            refused = await evolve(service, run_id=run.run_id)
    assert refused.status == "paused"
    assert "Optuna changed since this run began" in refused.verdict
    assert f"-> {installed or 'not installed'})" in refused.verdict
    async with open_service(database) as service:
        assert (await evolve(service, run_id=run.run_id)).status == "finished"
