"""The engine's desk: wires runs from their rows, and writes how they went."""

import os
import random
import secrets
import time
from dataclasses import replace
from itertools import chain

from promptbreeder.errors import NotFound, RunError
from promptbreeder.evaluation.meter import Meter
from promptbreeder.evaluation.metrics import metric_of
from promptbreeder.evolution import asks
from promptbreeder.results import RunStatus
from promptbreeder.runs.answering import Answering, Material
from promptbreeder.runs.blocks import BLOCK_SIZE, in_blocks
from promptbreeder.runs.driver import Driver
from promptbreeder.runs.engine import Job
from promptbreeder.runs.ledger import Ledger
from promptbreeder.runs.outcome import Outcome, Progress
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Split
from promptbreeder.store import events, examples, replies, runs
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.deciding import promote_if_ready
from promptbreeder.usecases.handed_in import candidates_of, unmeasured
from promptbreeder.usecases.journalling import StoredJournal
from promptbreeder.usecases.keeping import keep_winner
from promptbreeder.usecases.learning import note_patterns, told_of_lessons
from promptbreeder.usecases.reporting import NOT_REPLAYED, cut_short, lacked_budget, not_begun, verdict_of
from promptbreeder.usecases.run_facts import RunProgress, RunResult, plan_of
from promptbreeder.usecases.workbench import Workbench


class StoreDesk:
    """See `promptbreeder.runs.engine.Desk`."""

    def __init__(self, bench: Workbench) -> None:
        """Work on `bench`, under a name that no other process has."""
        self._bench = bench
        self._owner = f"{os.getpid()}-{secrets.token_hex(4)}"

    async def claim(self, run_id: str) -> int:
        """Take the lease and return the fence."""
        return await self._bench.store.write(
            lambda db: runs.claim(db, run_id, owner=self._owner, now=self._bench.clock())
        )

    async def beat(self, run_id: str, fence: int) -> None:
        """Extend the lease."""
        await self._bench.store.write(lambda db: runs.heartbeat(db, run_id, fence, now=self._bench.clock()))

    async def cancel_requested(self, run_id: str, fence: int) -> bool:
        """Whether somebody asked for the run to be cancelled."""
        return await self._bench.store.read(lambda db: runs.held(db, run_id, fence).cancel_requested)

    async def wire(self, run_id: str, fence: int, *, replays_only: bool = False) -> Job:
        """Build driver and strategy from the run's plan and journal."""
        bench = self._bench
        run = await bench.store.read(lambda db: runs.held(db, run_id, fence))
        plan = plan_of(run)
        material = await self._material(plan)
        ledger, meter = Ledger(plan, len(material.search)), Meter()
        answering = None
        if replays_only:
            # The models may have changed, or be gone: what they answered is in the journal.
            plan.check_resumable(plan.executor, plan.writer)
        else:
            answering = await self._answering(plan, material, ledger, meter)
        started = time.monotonic()

        async def tell(progress: Progress) -> None:
            stored = RunProgress.of(progress).model_dump_json()
            await bench.store.write(lambda db: runs.set_progress(db, run_id, fence, stored, now=bench.clock()))
            bench.changed("run", plan.skill.name, run_id)

        driver = Driver(
            plan,
            answering=answering,
            ledger=ledger,
            meter=meter,
            journal=StoredJournal(bench, run_id, fence),
            clock=lambda: time.monotonic() - started,
            tell=tell,
        )
        strategy = bench.choose(
            plan.strategy,
            plan.profile,
            generations=plan.generations,
            population=plan.population,
            seed_with=plan.seed_with,
        )
        return Job(run_id, driver, strategy.begin(task_of(plan, material), random.Random(plan.seed)))

    async def conclude(self, run_id: str, fence: int, outcome: Outcome | None) -> None:
        """Make the version if there is one, and write the result."""
        bench = self._bench
        now = bench.clock()

        def write(db: Tables) -> tuple[str, RunStatus, int | None]:
            run = runs.held(db, run_id, fence)
            plan = plan_of(run)
            version = judged = None
            if outcome is not None:
                judged = _on_valid_examples(db, plan, outcome)
                version = keep_winner(db, run_id, plan, outcome, judged=judged, now=now)
            result = RunResult(
                version=version,
                verdict=(NOT_REPLAYED if judged is None else verdict_of(plan, judged, version))
                + not_begun(plan, outcome)
                + cut_short(plan, outcome, version)
                + unmeasured(candidates_of(db, run)),
                search_score=outcome.score.accuracy if outcome is not None and outcome.score is not None else None,
                inherited=told_of_lessons(db, run_id, plan, outcome, version),
                lacked_budget=outcome is not None and lacked_budget(plan, outcome, version),
                enough_tokens=outcome.enough_tokens if outcome is not None else 0,
            )
            status: RunStatus = "cancelled" if outcome is None or outcome.ended_by == "cancel" else "finished"
            runs.stop(db, run_id, fence, status=status, result=result.model_dump_json(), error=None, now=now)
            if judged is not None and status == "finished":
                note_patterns(db, run_id, plan, judged, now=now)
            replies.evict(db)
            events.append(
                db,
                ts=now,
                skill=run.skill,
                kind="evolved",
                actor="system",
                client="promptbreeder-mcp",
                reason=f"{result.verdict} {result.inherited}".rstrip(),
                before=plan.incumbent,
                after=version,
                data={"run": run_id, "status": status},
            )
            return run.skill, status, version

        skill, status, version = await bench.store.write(write)
        if version is not None:
            bench.changed("version", skill, run_id)
            if status == "finished":
                # Who cancels does not wait for what is measured then.
                await promote_if_ready(bench, skill, version)
        bench.changed("run", skill, run_id)

    async def pause(self, run_id: str, fence: int, reason: str) -> None:
        """Write why the run stopped for now, and release the lease."""
        await self._stop(run_id, fence, "paused", reason)

    async def fail(self, run_id: str, fence: int, reason: str) -> None:
        """Write why the run cannot go on, and release the lease."""
        await self._stop(run_id, fence, "failed", reason)

    async def _stop(self, run_id: str, fence: int, status: RunStatus, reason: str) -> None:
        now = self._bench.clock()

        def write(db: Tables) -> str:
            runs.stop(db, run_id, fence, status=status, result=None, error=reason, now=now)
            return runs.get(db, run_id).skill

        self._bench.changed("run", await self._bench.store.write(write), run_id)

    async def _answering(self, plan: Plan, material: Material, ledger: Ledger, meter: Meter) -> Answering:
        bench = self._bench
        executor = await bench.model(plan.skill.model)
        writer_name = bench.writer_of(plan.skill)
        writer = await bench.model(writer_name)
        plan.check_resumable(executor.fingerprint, writer.fingerprint)
        return Answering(
            # Calibrated on the examples that the plan froze: the skill may have got more since.
            evaluator=await bench.evaluator_on(plan.skill, material.train, list(chain(*material.search))),
            writer=await bench.cached(writer_name),
            metric=metric_of(plan.skill),
            material=material,
            ledger=ledger,
            meter=meter,
        )

    async def _material(self, plan: Plan) -> Material:
        try:
            train, search, gate = await self._bench.store.read(
                lambda db: tuple(
                    examples.as_read(plan.skill, examples.by_ids(db, ids))
                    for ids in (plan.train_ids, plan.search_ids, plan.gate_ids)
                )
            )
        except NotFound as error:
            raise RunError(
                f"examples that this run works with are gone ({error}), so it cannot go on; start a new one"
            ) from error
        return Material(train=train, search=in_blocks(search), gate=in_blocks(gate))


def task_of(plan: Plan, material: Material) -> asks.Task:
    """Return what the strategy may know: nothing of the gate split.

    A seed whose way of decoding is not allowed begins with another. Production's may be one, made before the skill was
    redefined: it is measured as it is, to be beaten, but must not hand its decoding down.
    """
    return asks.Task(
        description=plan.skill.description,
        seeds=tuple(dict.fromkeys(map(plan.allowed, plan.seeds))),
        labels=plan.skill.labels,
        decodings=tuple(decoding.value for decoding in plan.skill.decodings),
        train=material.train,
        expects_patterns=plan.skill.expects_patterns,
        blocks=len(material.search),
        block_size=BLOCK_SIZE,
        list_characters=plan.list_characters,
        priors=plan.priors,
    )


def _on_valid_examples(db: Tables, plan: Plan, outcome: Outcome) -> Outcome:
    """Return `outcome` without the gate scores on examples that were corrected or retired while the run went on."""
    if outcome.gated is None:
        return outcome
    valid = examples.in_use(db, plan.skill.name, Split.GATE)
    return replace(outcome, gated=outcome.gated.on([number in valid for number in plan.gate_ids]))
