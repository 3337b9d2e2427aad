"""Act on drift: roll back or evolve where the skill opted in, else say who can."""

from importlib import metadata

from promptbreeder.errors import Conflict, InvalidInput, ModelError
from promptbreeder.lifecycle.drift import Decision, is_cooling
from promptbreeder.requests import Actor, EvolveRequest
from promptbreeder.results import SkillCheck
from promptbreeder.runs.engine import Engine
from promptbreeder.store import checks, events, runs
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.drifting import Standing
from promptbreeder.usecases.evolving import evolve
from promptbreeder.usecases.workbench import Workbench


def by_itself() -> Actor:
    """Return who acts when nobody asked."""
    return Actor("system", f"promptbreeder-mcp {metadata.version('promptbreeder-mcp')} (monitor)")


async def act(bench: Workbench, engine: Engine, stands: Standing, decision: Decision, check: SkillCheck) -> SkillCheck:
    """Do what was decided where the skill opted in; else say who can."""
    name = check.skill
    if decision.action == "evolve" and stands.skill.metric == "preference":
        return _saying(check, f"{check.sentence} It is judged by votes alone, so it cannot be evolved.")
    by_hand = f"rollback('{name}', reason=...)" if decision.action == "roll back" else f"evolve_prompt('{name}')"
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
    return await _evolve(bench, engine, check)


async def go_on(bench: Workbench, engine: Engine, stands: Standing, check: SkillCheck) -> SkillCheck:
    """Take over a run that the monitor began and that nobody drives any more: nobody else knows of it."""
    run_id = stands.run
    if run_id is None or not await bench.store.read(lambda db: _is_orphan(db, stands, run_id, bench.clock())):
        return check
    try:
        await evolve(bench, engine, EvolveRequest(skill=check.skill, run_id=run_id), by_itself())
    except (InvalidInput, Conflict, ModelError) as error:
        return _saying(check, f"{check.sentence} Run {run_id} could not go on: {error}", run_id=run_id)
    return _saying(check, f"{check.sentence} Run {run_id} goes on.", acted=True, run_id=run_id)


def _is_orphan(db: Tables, stands: Standing, run_id: str, now: float) -> bool:
    begun = events.newest(db, stands.skill.name, "evolve")
    ours = begun is not None and begun.actor == by_itself().kind and begun.data.get("run") == run_id
    return ours and stands.skill.settings.opt_in_drift_actions and not runs.get(db, run_id).is_leased(now)


async def _roll_back(bench: Workbench, stands: Standing, decision: Decision, check: SkillCheck) -> SkillCheck:
    actor, now = by_itself(), bench.clock()
    target = stands.before.n if stands.before is not None else stands.production.n
    try:
        await bench.store.write(
            lambda db: events.move_production(
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
        )
    except Conflict as error:
        return _saying(check, f"{check.sentence} {error}")
    bench.changed("production", check.skill)
    sentence = (
        f"{check.sentence} Rolled back from version {stands.production.n} to {target}; version "
        f"{stands.production.n} will not be promoted automatically again."
    )
    return _saying(check, sentence, acted=True, production=target)


async def _evolve(bench: Workbench, engine: Engine, check: SkillCheck) -> SkillCheck:
    now = bench.clock()

    def begin(db: Tables) -> bool:
        last = checks.get(db, check.skill)
        # Looked at anew: a process that overslept its lease must not start a second one.
        if last is not None and is_cooling(last.evolution_started, now):
            return False
        checks.note_evolution(db, check.skill, now=now)
        return True

    if not await bench.store.write(begin):
        return _saying(check, f"{check.sentence} Another process has started an evolution already.")
    # Another seed each time: the same search would only find again what it found.
    request = EvolveRequest(skill=check.skill, seed=int(now) % 2**31)
    try:
        run_id = await evolve(bench, engine, request, by_itself())
    except (InvalidInput, Conflict, ModelError) as error:
        return _saying(check, f"{check.sentence} An evolution could not be started: {error}")
    return _saying(check, f"{check.sentence} Run {run_id} was started.", acted=True, run_id=run_id)


def _saying(check: SkillCheck, sentence: str, **changes: object) -> SkillCheck:
    return check.model_copy(update={"sentence": sentence, **changes})
