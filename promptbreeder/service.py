"""Service: the use cases that the outside calls, one method each. Tools, resources and command line have no logic."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import anyio
from anyio.abc import TaskGroup

from promptbreeder import usecases
from promptbreeder.models.base import Pulled
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.results import (
    Answered,
    BriefedRun,
    Duel,
    ExampleChange,
    ExamplePage,
    Finding,
    Fitness,
    Headroom,
    HistoryLine,
    ModelLine,
    MonitorReport,
    Moved,
    OutcomeReport,
    PastProduction,
    PatternLine,
    PromptView,
    Restored,
    Row,
    RunReport,
    SkillLine,
    SkillReport,
    VoteReport,
)
from promptbreeder.skill import Example, Skill
from promptbreeder.usecases.workbench import Change, Mark, OnProgress, Workbench

if TYPE_CHECKING:
    from promptbreeder.runs.engine import Engine
    from promptbreeder.usecases.exporting import Form

__all__ = ["Change", "Mark", "OnProgress", "Service", "Workbench"]


class Service:
    """All use cases over one workbench. An async context manager: runs live in it, and pause when it is left."""

    def __init__(self, bench: Workbench) -> None:
        """Serve `bench`, which is closed on exit."""
        self._bench = bench
        self._group: TaskGroup | None = None
        self._engine: Engine | None = None

    async def __aenter__(self) -> Self:
        """Open the task group in which runs are driven."""
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Pause all runs, release their leases, close models and store."""
        if self._group is None:
            return None
        self._group.cancel_scope.cancel()
        try:
            if error is None or isinstance(error, anyio.get_cancelled_exc_class()):
                return await self._group.__aexit__(kind, error, trace)
            # The group's tasks did not cause it, and the group would wrap it: it goes on as it is.
            await self._group.__aexit__(None, None, None)
            return None
        finally:
            with anyio.CancelScope(shield=True):
                await self._bench.aclose()

    @property
    def engine(self) -> "Engine":
        """The engine of this process, made on first use; only inside the context."""
        if self._group is None:
            message = "the service is not entered"
            raise RuntimeError(message)
        if self._engine is None:
            from promptbreeder.runs.engine import Engine  # noqa: PLC0415 - a server answers before any run

            self._engine = Engine(usecases.desk.StoreDesk(self._bench), self._group)
        return self._engine

    @property
    def on_change(self) -> Callable[[Change], None] | None:
        """Called after every commit that others may want to hear of; must be quick."""
        return self._bench.on_change

    @on_change.setter
    def on_change(self, listener: Callable[[Change], None] | None) -> None:
        self._bench.on_change = listener

    async def changes_of_others(self, since: Mark | None) -> tuple[Mark, tuple[Change, ...]]:
        """Return what other processes changed after `since`, and how far that is; for the first call nothing."""
        return await usecases.following.changes_of_others(self._bench, since)

    async def define_skill(
        self, definition: SkillDefinition, actor: Actor, *, must_be_new: bool = False
    ) -> SkillReport:
        """Create or extend a skill."""
        return await usecases.defining.define_skill(self._bench, definition, actor, must_be_new=must_be_new)

    async def skill(self, name: str) -> Skill:
        """Return what a skill is."""
        return await usecases.skills.get_skill(self._bench, name)

    async def add_examples(self, skill: str, given: Sequence[Example], actor: Actor) -> SkillReport:
        """Add examples to a skill, all or none."""
        return await usecases.defining.add_examples(self._bench, skill, given, actor)

    async def examples(self, skill: str, *, split: str | None = None, after: int = 0, limit: int = 50) -> ExamplePage:
        """Return a page of a skill's examples in use."""
        return await usecases.examples.list_examples(self._bench, skill, split, after, limit)

    async def correct_example(self, skill: str, example: int, expected: str, actor: Actor) -> ExampleChange:
        """Put an example with another answer in the place of one."""
        return await usecases.examples.correct_example(self._bench, skill, example, expected, actor)

    async def retire_example(self, skill: str, example: int, actor: Actor) -> ExampleChange:
        """Take an example out of use, and keep it for the history."""
        return await usecases.examples.retire_example(self._bench, skill, example, actor)

    async def delete_example(self, skill: str, example: int, actor: Actor) -> ExampleChange:
        """Remove an example's content."""
        return await usecases.examples.delete_example(self._bench, skill, example, actor)

    async def evolve(
        self,
        request: EvolveRequest,
        actor: Actor,
        *,
        wait_seconds: float = 45,
        on_progress: OnProgress | None = None,
    ) -> RunReport:
        """Start, join or resume a run, and wait for it up to `wait_seconds`."""
        run_id = await usecases.evolving.evolve(self._bench, self.engine, request, actor)
        return await usecases.evolving.report(
            self._bench, self.engine, run_id, wait_seconds, on_progress, take_over=True
        )

    async def get_run(
        self, run_id: str, *, wait_seconds: float = 0, on_progress: OnProgress | None = None, brief: bool = False
    ) -> BriefedRun:
        """Return the state of a run, after waiting up to `wait_seconds` for its end; with its brief if asked for."""
        found = await usecases.evolving.report(self._bench, self.engine, run_id, wait_seconds, on_progress)
        told = await usecases.briefing.brief(self._bench, run_id) if brief else None
        return BriefedRun.model_validate({**dict(found), "brief": told})

    async def cancel_run(self, run_id: str, actor: Actor) -> RunReport:
        """Stop a run, in whichever process it is."""
        await usecases.evolving.cancel(self._bench, self.engine, run_id, actor)
        return await usecases.evolving.report(self._bench, self.engine, run_id, 0, None)

    async def run_skill(self, skill: str, text: str, version: int | None = None) -> Answered:
        """Answer one input with the production (or given) version."""
        return await usecases.running.run_skill(self._bench, skill, text, version)

    async def compare(self, skill: str, *, text: str | None = None, a: int | None = None, b: int | None = None) -> Duel:
        """Run two versions on one input, blind."""
        return await usecases.dueling.compare(self._bench, skill, text, a, b)

    async def duel(self, duel_id: str) -> Duel:
        """Return a duel that may be voted on."""
        return await usecases.dueling.live_duel(self._bench, duel_id)

    async def vote(self, duel_id: str, choice: Literal["A", "B", "tie"], actor: Actor, comment: str = "") -> VoteReport:
        """Record the one vote of a duel."""
        return await usecases.dueling.vote(self._bench, duel_id, choice, actor, comment)

    async def record_outcome(
        self,
        call_id: str,
        actor: Actor,
        *,
        correct: bool | None = None,
        expected: str | None = None,
        note: str = "",
    ) -> OutcomeReport:
        """Record whether the answer of a call was right, or which one would have been."""
        return await usecases.outcomes.record_outcome(
            self._bench, call_id, actor, correct=correct, expected=expected, note=note
        )

    async def monitor(self) -> MonitorReport:
        """Check all skills for drift now, and act for those that opted in."""
        return await usecases.monitoring.monitor(self._bench, self.engine)

    async def monitor_if_due(self) -> MonitorReport | None:
        """Check all skills if it is time; loads no model only to look at it."""
        return await usecases.monitoring.monitor_if_due(self._bench, self.engine)

    async def last_looks(self) -> MonitorReport:
        """Return how the skills stand and what the monitor last said; measures and does nothing."""
        return await usecases.monitoring.last_looks(self._bench)

    async def fitness(self, skill: str | None = None, version: int | None = None, *, headroom: bool = False) -> Fitness:
        """Return one line a skill, or all that is known of a version; `headroom`: check production's, no more."""
        if headroom:
            await usecases.scouting.check_production(self._bench, skill, version)
        found = await usecases.judging.get_fitness(self._bench, skill, version, measuring=not headroom)
        found = await usecases.drifting.with_drift(self._bench, found)
        return await usecases.scouting.with_headroom(self._bench, found)

    async def prompt(
        self, skill: str, version: int | None = None, text: str | None = None, *, offering: bool = False
    ) -> PromptView:
        """Return a version's prompt as data; with `offering` perhaps with the notice that an A/B test is open."""
        return await usecases.prompting.get_prompt(self._bench, skill, version, text, offering=offering)

    async def promote(
        self,
        skill: str,
        version: int,
        reason: str,
        actor: Actor,
        *,
        expected_production: int | None = None,
        force: bool = False,
    ) -> Moved:
        """Put a version into production, if the evidence lets it pass."""
        return await usecases.deciding.promote(
            self._bench, skill, version, reason, actor, expected_production=expected_production, force=force
        )

    async def rollback(self, skill: str, reason: str, actor: Actor, *, to_version: int | None = None) -> Moved:
        """Put an earlier version back into production."""
        return await usecases.deciding.rollback(self._bench, skill, reason, actor, to_version)

    async def history(
        self, skill: str | None = None, *, before_id: int | None = None, limit: int = 100
    ) -> tuple[HistoryLine, ...]:
        """Return events, newest first."""
        return await usecases.deciding.history(self._bench, skill, before_id, limit)

    async def production_at(self, skill: str, at: str) -> PastProduction:
        """Return which version was in production at a time (ISO 8601)."""
        return await usecases.timeline.production_at(self._bench, skill, at)

    async def skills(self) -> tuple[SkillLine, ...]:
        """Return one line a skill."""
        return await usecases.skills.list_skills(self._bench)

    async def versions(self, skill: str, *, after: int = 0, limit: int | None = None) -> tuple[PromptView, ...]:
        """Return the versions of a skill above `after`, oldest first; without `limit` all of them."""
        return await usecases.prompting.list_versions(self._bench, skill, after, limit)

    async def runs(self, skill: str | None = None) -> tuple[RunReport, ...]:
        """Return runs, newest first."""
        return await usecases.reporting.recent(self._bench, skill)

    async def export(self, skill: str, *, redact: bool = False) -> dict[str, object]:
        """Return a skill as one JSON-able bundle; `redact` leaves likely keys out."""
        return await usecases.bundles.export_skill(self._bench, skill, redact=redact)

    async def import_bundle(self, bundle: Mapping[str, object], actor: Actor) -> SkillReport:
        """Bring a skill back from what `export` returned, verified; there must be none of that name."""
        return await usecases.bundles.import_bundle(self._bench, bundle, actor)

    async def export_version(
        self, skill: str, form: "Form", version: int | None = None, *, redact: bool = False
    ) -> str:
        """Return a version (default: production) as a text that works without this program."""
        return await usecases.exporting.export_version(self._bench, skill, form, version, redact=redact)

    async def headroom(self, skill: str) -> Headroom:
        """Check whether evolving is worth it; measures."""
        return await usecases.scouting.check_headroom(self._bench, skill)

    async def table(self, skill: str, version: int) -> tuple[Row, ...]:
        """Return what a version brought, on the gate split."""
        return await usecases.measuring.comparison_table(self._bench, skill, version)

    async def lineage(self, run_id: str) -> tuple[str, ...]:
        """Return how a run's winner came about, oldest ancestor first."""
        return await usecases.reporting.lineage(self._bench, run_id)

    async def patterns(self) -> tuple[PatternLine, ...]:
        """Return the library of patterns with their records."""
        return await usecases.teaching.list_patterns(self._bench)

    async def fingerprint(self, skill: str) -> str:
        """Return the fingerprint of the skill's model, loading it if need be."""
        return await usecases.measuring.fingerprint(self._bench, skill)

    async def models(self) -> tuple[ModelLine, ...]:
        """Return the models that can be used now, what `auto` means first."""
        return await usecases.modelling.list_models(self._bench)

    async def measured_model(self, name: str) -> ModelLine:
        """Return a model with its speed here, loading it."""
        return await usecases.modelling.measured(self._bench, name)

    def pull(self, name: str, *, bundled: bool = False) -> AsyncIterator[Pulled]:
        """Get a model, telling how far it is; `bundled`: make the packaged one known to Ollama."""
        return usecases.modelling.pull(self._bench, name, bundled=bundled)

    async def doctor(self) -> tuple[Finding, ...]:
        """Check store, models and surroundings."""
        return await usecases.health.doctor(self._bench)

    async def backup(self) -> str:
        """Copy the database as it is now, and return where the copy is."""
        return await usecases.health.make_backup(self._bench)

    async def restore(self, source: str, actor: Actor) -> Restored:
        """Put a backup in the place of the database; what was there is kept."""
        return await usecases.health.restore(self._bench, source, actor)
