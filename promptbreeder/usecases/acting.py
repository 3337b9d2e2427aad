"""Act on drift: roll back or evolve where the skill opted in, else say who can."""

from dataclasses import replace
from importlib import metadata

from promptbreeder.errors import Conflict, InvalidInput, ModelError, ReplayMismatch
from promptbreeder.lifecycle.drift import Decision, is_cooling
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.results import SkillCheck
from promptbreeder.runs.engine import Engine
from promptbreeder.store import checks, events, runs
from promptbreeder.store.runs import Run
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.drifting import Standing, evolving_by_hand, rollback_by_hand
from promptbreeder.usecases.evolving import cancel, evolve
from promptbreeder.usecases.guarding import require_unchanged
from promptbreeder.usecases.run_facts import plan_of
from promptbreeder.usecases.workbench import Workbench


def by_itself() -> Actor:
    """Return who acts when nobody asked."""
    return Actor("system", f"promptbreeder-mcp {metadata.version('promptbreeder-mcp')} (monitor)")


async def act(bench: Workbench, engine: Engine, stands: Standing, decision: Decision, check: SkillCheck) -> SkillCheck:
    """Do what was decided where the skill opted in; else say who can."""
    name = check.skill
    if decision.action == "evolve" and stands.skill.metric == "preference":
        return _saying(check, f"{check.sentence} It is judged by votes alone, so it cannot be evolved.")
    by_hand = rollback_by_hand(name) if decision.action == "roll back" else evolving_by_hand(name)
    if not stands.skill.settings.opt_in_drift_actions:
        return _saying(
            check,
            f"{check.sentence} {by_hand} is due; the monitor does it by itself only where the skill's setting "
            "opt_in_drift_actions is true.",
        )
    if decision.action == "roll back":
        return await _roll_back(bench, stands, decision, check)
    if stands.run is not None:
        return _saying(check, f"{check.sentence} Run {stands.run} is going on already.", run_id=stands.run)
    return await _evolve(bench, engine, stands, check)


async def go_on(bench: Workbench, engine: Engine, stands: Standing, check: SkillCheck) -> tuple[SkillCheck, Standing]:
    """Take over a run that the monitor began and that nobody drives any more: nobody else knows of it.

    One that cannot go on here waits, and counts as none: another process may know the writer that it began with.
    """
    run = await bench.store.read(lambda db: _orphan(db, stands, bench.clock()))
    if run is None:
        return check, stands
    try:
        if not await _is_resumable(bench, run):
            waits = f"Run {run.run_id} began under another model, writer or program and waits for it."
            return _saying(check, f"{check.sentence} {waits}"), replace(stands, run=None)
        await evolve(bench, engine, EvolveRequest(skill=check.skill, run_id=run.run_id), by_itself())
    except (InvalidInput, Conflict, ModelError) as error:
        trouble = f"{check.sentence} Run {run.run_id} could not go on: {error}"
        return _saying(check, trouble, run_id=run.run_id), stands
    going = f"{check.sentence} Run {run.run_id} goes on."
    return _saying(check, going, acted=True, run_id=run.run_id), stands


async def _is_resumable(bench: Workbench, run: Run) -> bool:
    plan = plan_of(run)
    executor = await bench.model(plan.skill.model)
    writer = await bench.model(bench.writer_of(plan.skill))
    try:
        plan.check_resumable(executor.fingerprint, writer.fingerprint)
    except ReplayMismatch:
        return False
    return True


def _orphan(db: Tables, stands: Standing, now: float) -> Run | None:
    begun = events.newest(db, stands.skill.name, "evolve")
    ours = begun is not None and begun.actor == by_itself().kind and begun.data.get("run") == stands.run
    if stands.run is None or not ours or not stands.skill.settings.opt_in_drift_actions:
        return None
    run = runs.get(db, stands.run)
    return None if run.is_leased(now) else run


async def _roll_back(bench: Workbench, stands: Standing, decision: Decision, check: SkillCheck) -> SkillCheck:
    actor, now = by_itself(), bench.clock()
    target = stands.before.n if stands.before is not None else stands.production.n

    def move(db: Tables) -> None:
        require_unchanged(db, stands.skill, stands.moved)
        events.move_production(
            db,
            ts=now,
            skill=check.skill,
            kind="rollback",
            to=target,
            expected=stands.production.n,
            actor=actor.kind,
            client=actor.client,
            reason=decision.sentence,
            data={"right": check.drift.right, "n": check.drift.n, "p": check.drift.p_rollback},
        )

    try:
        await bench.store.write(move)
    except Conflict as error:
        return _saying(check, f"{check.sentence} {error}")
    bench.changed("production", check.skill)
    sentence = (
        f"{check.sentence} Rolled back from version {stands.production.n} to {target}; version "
        f"{stands.production.n} will not be promoted automatically again."
    )
    return _saying(check, sentence, acted=True, production=target)


async def _evolve(bench: Workbench, engine: Engine, stands: Standing, check: SkillCheck) -> SkillCheck:
    now = bench.clock()

    def begin(db: Tables) -> bool:
        require_unchanged(db, stands.skill, stands.moved)
        last = checks.get(db, check.skill)
        # Looked at anew: a process that overslept its lease must not start a second one.
        if last is not None and is_cooling(last.evolution_started, now):
            return False
        checks.note_evolution(db, check.skill, now=now)
        return True

    # Another seed each time: the same search would only find again what it found.
    request = EvolveRequest(skill=check.skill, seed=int(now) % 2**31)
    try:
        if not await bench.store.write(begin):
            return _saying(check, f"{check.sentence} Another process has started an evolution already.")
        waiting = await bench.store.read(lambda db: runs.live(db, check.skill))
        if waiting is not None and not waiting.is_leased(now):
            # It waited for what this process does not have (`go_on`), and has had its time.
            await cancel(bench, engine, waiting.run_id, by_itself())
        run_id = await evolve(bench, engine, request, by_itself())
    except (InvalidInput, Conflict, ModelError) as error:
        return _saying(check, f"{check.sentence} An evolution could not be started: {error}")
    return _saying(check, f"{check.sentence} Run {run_id} was started.", acted=True, run_id=run_id)


def _saying(check: SkillCheck, sentence: str, **changes: object) -> SkillCheck:
    return check.model_copy(update={"sentence": sentence, **changes})
