"""Resume is replay: a run that was stopped anywhere ends as if it had never been stopped."""

import itertools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.errors import ModelCrashed, ReplayMismatch
from promptbreeder.evaluation.metrics import METRICS_VERSION
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.runs.plan import Plan
from promptbreeder.service import Service
from promptbreeder.usecases.journalling import StoredJournal
from promptbreeder.usecases.workbench import StoredReplies

pytestmark = pytest.mark.anyio
_NUMBERS = itertools.count()
_WHOLE: dict[str, Any] = {}
"""The uninterrupted run, made once."""


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the reply cache forget everything: what is not asked again is known from the journal alone."""

    async def nothing(_: StoredReplies, __: str) -> None:
        return None

    monkeypatch.setattr(StoredReplies, "get", nothing)


@pytest.mark.usefixtures("no_cache")
@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_run_stopped_anywhere_goes_on_from_its_journal_and_asks_nothing_again(  # noqa: PLR0917  fixtures
    share: float,
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Journal and winner equal the uninterrupted run's, and the resumed process makes only the calls not yet answered.

    Catches a driver that replays through the model, skips or repeats an ask, or forgets state that is not journaled.
    """
    if not _WHOLE:
        path, model = copy_of("whole"), ScriptedModel()
        async with open_service(path, model) as service:
            assert (await evolve(service)).status == "finished"
        _WHOLE.update(journal=journal(path), winner=winner(path), requests=model.requests, calls=model.calls)
    path = copy_of(f"stopped-{next(_NUMBERS)}")
    fail_at = 1 + int(share * _WHOLE["calls"])
    stopping, answered = ScriptedModel(fail_at={fail_at: ModelCrashed("the model died")}), [0]
    append = StoredJournal.append

    async def counted(*args: Any) -> None:  # noqa: ANN401  as `append`
        await append(*args)
        answered.append(len(stopping.requests))

    with monkeypatch.context() as patched:
        patched.setattr(StoredJournal, "append", counted)
        async with open_service(path, stopping) as service:
            stopped = await evolve(service)
    assert stopped.status == "paused"
    assert stopped.verdict.startswith("the model died")
    assert stopped.run_id in stopped.next_step
    assert journal(path) == _WHOLE["journal"][: len(journal(path))] != _WHOLE["journal"]
    resuming = ScriptedModel()
    async with open_service(path, resuming) as service:
        resumed = await evolve(service, run_id=stopped.run_id)
    assert resumed.status == "finished"
    assert journal(path) == _WHOLE["journal"]
    assert winner(path) == _WHOLE["winner"] is not None
    assert resuming.requests == _WHOLE["requests"][answered[-1] :]


async def test_a_run_goes_on_under_other_metrics_that_judge_its_skill_as_before(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """A new version of one metric makes no run of the others old; a version that is not known here does."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    with closing(sqlite3.connect(database)) as db, db:
        (stored,) = db.execute("SELECT config FROM runs").fetchone()
        plan = Plan.model_validate(json.loads(stored)["plan"])
        known = f'"metrics_version": {METRICS_VERSION}'
        assert known in stored
        db.execute("UPDATE runs SET config = ?", [stored.replace(known, '"metrics_version": 1')])
    async with open_service(database) as service:
        assert (await evolve(service, run_id=run.run_id)).status == "finished"
    lists = plan.skill.model_copy(update={"metric": "list", "labels": ()})
    for changes in ({"skill": lists, "metrics_version": 1}, {"metrics_version": METRICS_VERSION + 1}):
        with pytest.raises(ReplayMismatch, match="the metrics' version changed"):
            plan.model_copy(update=changes).check_resumable(plan.executor, plan.writer)


async def test_examples_added_while_a_run_is_stopped_change_nothing_in_it(  # noqa: PLR0917  fixtures
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
    tickets: Callable[..., list[dict[str, str]]],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """A run measures, and calibrates, on the examples that its plan froze, whatever the skill got since."""
    whole, stopped = copy_of("whole"), copy_of("stopped")
    calibrated = ticket_skill(examples=[], settings={"allowed_decoding": ["calibrated"]})
    for path in (whole, stopped):
        async with open_service(path) as service:
            await service.define_skill(calibrated, actor)
    async with open_service(whole) as service:
        await evolve(service)
    async with open_service(stopped, ScriptedModel(fail_at={3: ModelCrashed("gone")})) as service:
        run = await evolve(service)
        await service.define_skill(ticket_skill(examples=tickets(60, start=90)), actor)
        await evolve(service, run_id=run.run_id)
    assert journal(stopped) == journal(whole)
    assert winner(stopped) == winner(whole) is not None


@pytest.mark.parametrize("service_left", [True, False])
async def test_leaving_the_service_pauses_its_runs_and_releases_them_at_once(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    held_model: Callable[[int], Any],
    *,
    service_left: bool,
) -> None:
    """Another process goes on without waiting for the lease to run out; while it is held, nobody else can."""
    model = held_model(4)
    first = open_service(database, model)
    async with first:
        run = await evolve(first, wait=0)
        await model.reached.wait()
        if not service_left:
            async with open_service(database) as second:
                report = await evolve(second, run_id=run.run_id, wait=0)
            assert report.status == "running"
            return
    async with open_service(database) as second:
        assert (await second.get_run(run.run_id)).status == "paused"
        assert (await evolve(second, run_id=run.run_id)).status == "finished"


async def test_a_run_is_not_resumed_on_another_model_and_keeps_waiting_for_its_own(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any]
) -> None:
    """Answers of two models would mix; the run pauses with the reason and can still be finished on the first model."""
    async with open_service(database, ScriptedModel(fail_at={4: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    async with open_service(database, ScriptedModel(name="other")) as service:
        refused = await evolve(service, run_id=run.run_id)
    assert refused.status == "paused"
    assert "the model changed since this run began (scripted-1 -> other-1)" in refused.verdict
    assert "start a new one with evolve_prompt" in refused.verdict
    async with open_service(database) as service:
        assert (await evolve(service, run_id=run.run_id)).status == "finished"


async def test_a_journal_of_other_code_is_refused(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ask that differs from the journaled one must not be given its answer."""
    async with open_service(database, ScriptedModel(fail_at={6: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    monkeypatch.setattr("promptbreeder.runs.driver.ask_hash", lambda _: "of other code")
    async with open_service(database) as service:
        refused = await evolve(service, run_id=run.run_id)
    assert refused.status == "paused"
    assert "step 0 of this run's journal is another question" in refused.verdict


async def test_code_of_another_version_does_not_replay(
    database: Path, open_service: Callable[..., Service], evolve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan remembers which engine wrote the journal, and refuses before anything is asked."""
    async with open_service(database, ScriptedModel(fail_at={6: ModelCrashed("gone")})) as service:
        run = await evolve(service)
    monkeypatch.setattr("promptbreeder.runs.plan.ENGINE_VERSION", -1)
    model = ScriptedModel()
    async with open_service(database, model) as service:
        refused = await evolve(service, run_id=run.run_id)
    assert refused.status == "paused"
    assert "the search engine's version changed since this run began" in refused.verdict
    assert model.calls == 0


async def test_a_warm_cache_changes_neither_path_nor_winner(
    database: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    journal: Callable[[Path], list[Any]],
) -> None:
    """The same run again costs no model call and the same nominal tokens, ask by ask."""
    async with open_service(database) as service:
        cold = await evolve(service, budget_tokens=6_000)
    answered = journal(database)
    model = ScriptedModel()
    async with open_service(database, model) as service:
        warm = await evolve(service, budget_tokens=6_000)
    assert model.requests == []
    assert journal(database) == answered
    assert (warm.tokens, warm.calls, warm.version) == (cold.tokens, cold.calls, cold.version)
    assert cold.cache_hits < warm.cache_hits == warm.calls
    assert warm.run_id != cold.run_id
