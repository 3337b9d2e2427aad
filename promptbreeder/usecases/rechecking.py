"""Re-check: measure production anew on a model that has changed, and tell whether something was done about it."""

from promptbreeder.lifecycle.drift import Fall
from promptbreeder.lifecycle.recheck import judge_change
from promptbreeder.results import Recheck
from promptbreeder.skill import Split
from promptbreeder.store import evaluations, events, runs
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.acting import by_itself
from promptbreeder.usecases.drifting import Standing
from promptbreeder.usecases.measuring import gate_evaluation
from promptbreeder.usecases.witnesses import witnesses
from promptbreeder.usecases.workbench import Workbench


async def look_again(bench: Workbench, stands: Standing, model: str) -> tuple[Recheck | None, Fall]:
    """Compare production on this model with what is stored of it on the model before; None where there is nothing.

    Raises:
        ModelError: if it cannot be measured.
    """
    found = await _recheck(bench, stands, model)
    if found is None or not found.fallen:
        return found, "none"
    evolved_on = await bench.store.read(lambda db: _evolved_on(db, stands.skill.name))
    return found, "answered" if evolved_on == model else "new"


async def _recheck(bench: Workbench, stands: Standing, model: str) -> Recheck | None:
    """Return the comparison; measured once."""
    skill, version = stands.skill, stands.production
    if skill.metric == "preference":
        return None
    decoding, measured_on = version.prompt.decoding, skill.measured_on(model)
    before = await bench.store.read(
        lambda db: evaluations.before(
            db, skill.name, version.n, Split.GATE, decoding=decoding, judged=skill.judged, measured_on=measured_on
        )
    )
    if before is None:
        return None
    after = await bench.store.read(
        lambda db: evaluations.latest(db, skill.name, version.n, Split.GATE, decoding=decoding, fingerprint=measured_on)
    )
    is_new = after is None
    if after is None:
        after = await gate_evaluation(bench, skill, version)
    fair = await bench.store.read(lambda db: witnesses(db, skill.name, version.n))
    found = judge_change(*evaluations.paired(after.on(fair.ids), before), fair.left_out)
    if found is not None and is_new:
        await bench.store.write(lambda db: _note_recheck(db, stands, found, before.fingerprint, now=bench.clock()))
        bench.changed("history", skill.name)
    return found


def _note_recheck(db: Tables, stands: Standing, found: Recheck, model_before: str, *, now: float) -> None:
    actor = by_itself()
    events.append(
        db,
        ts=now,
        skill=stands.skill.name,
        kind="recheck",
        actor=actor.kind,
        client=actor.client,
        reason=f"version {stands.production.n}: {found.sentence}, measured",
        after=stands.production.n,
        data={"model_before": model_before, "better": found.better, "worse": found.worse, "fallen": found.fallen},
    )


def _evolved_on(db: Tables, name: str) -> str | None:
    """Return the fingerprint of the model that the newest evolution was begun on, whatever became of it."""
    begun = events.newest(db, name, "evolve")
    return None if begun is None else runs.get(db, begun.data["run"]).fingerprint
