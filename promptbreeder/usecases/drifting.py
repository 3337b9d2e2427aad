"""Drift as it stands: what the stored outcomes of the version in production say. No model is called here."""

from dataclasses import dataclass

from promptbreeder.evidence.cusum import THRESHOLD, detect
from promptbreeder.evidence.rates import LEAST_OUTCOMES, ROLLBACK_RATE
from promptbreeder.lifecycle.drift import Reading, read_drift
from promptbreeder.results import Drift, Fitness
from promptbreeder.skill import Skill
from promptbreeder.store import checks, events, outcomes, runs, skills, versions
from promptbreeder.store.checks import Check
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.usecases.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is stored about how the version in production does, from one transaction."""

    skill: Skill
    production: Version
    moved: events.Event
    """By which production came there."""
    reading: Reading
    last_outcome: int
    """Id of the skill's newest outcome, of whatever version."""
    before: Version | None
    """The version that a rollback would go to."""
    run: str | None
    """A run that has not ended, nor was cancelled."""
    check: Check | None
    """The monitor's last look."""


def standing(db: Tables, name: str, now: float) -> Standing:
    """Return how the skill stands; raises NotFound."""
    skill, production = skills.get(db, name), versions.production(db, name)
    moved, evolved = events.last_move(db, name), events.newest(db, name, "evolve")
    found = outcomes.since(db, name, production.n, moved.id)
    # An evolution is an answer to what was seen before it: the detector begins anew (`cusum`).
    begun = evolved.id if evolved is not None else 0
    detector = detect(outcome.correct for outcome in found if outcome.after_event >= begun)
    previous, live = events.previous_production(db, name), runs.live(db, name)
    return Standing(
        skill=skill,
        production=production,
        moved=moved,
        reading=read_drift([outcome.correct for outcome in found], detector, promoted_at=moved.ts, now=now),
        last_outcome=outcomes.last(db, name),
        before=versions.get(db, name, previous) if previous is not None else None,
        run=live.run_id if live is not None and live.status_at(now) != "cancelled" else None,
        check=checks.get(db, name),
    )


def told(stands: Standing) -> Drift:
    """Return the reading in fields and one sentence."""
    reading = stands.reading
    return Drift(
        version=stands.production.n,
        state=reading.state,
        right=reading.right,
        n=reading.n,
        evidence=reading.evidence,
        window_below_eighty=reading.window_below_eighty,
        p_rollback=reading.p_rollback,
        probation=reading.probation,
        sentence=_sentence(reading, stands.production.n),
    )


def evolving_by_hand(name: str) -> str:
    """Return how an assistant and how a user looks for a better prompt."""
    return f"evolve_prompt('{name}') or `promptbreeder-mcp evolve {name}`"


def rollback_by_hand(name: str) -> str:
    """Return how an assistant and how a user goes back."""
    return f"rollback('{name}', reason=...) or `promptbreeder-mcp rollback {name} --reason ...`"


def _sentence(reading: Reading, version: int) -> str:
    counted = f"{reading.right} of the last {reading.n} answers of version {version} right"
    if reading.state == "not enough data":
        return f"Not enough data: {reading.n} of at least {LEAST_OUTCOMES} outcomes of version {version}."
    if reading.state == "failing":
        trial = ", on probation" if reading.probation else ""
        p = f"p = {reading.p_rollback:.2g}"
        return f"Failing: {counted}, significantly below {ROLLBACK_RATE * 100:.0f} % ({p}{trial})."
    if reading.state == "degraded":
        return f"Degraded: {counted}; the detector's evidence of a fall below 80 % has reached {THRESHOLD:,.0f}."
    return f"Ok: {counted}."


async def with_drift(bench: Workbench, found: Fitness) -> Fitness:
    """Return a fitness with the drift state, where it is of a version in production."""
    version = found.version
    if version is None or not version.production:
        return found
    stands = await bench.store.read(lambda db: standing(db, version.skill, bench.clock()))
    if stands.production.n != version.version:
        # Production moved in this moment: what was measured is no longer of it.
        return found
    return found.model_copy(update={"version": version.model_copy(update={"drift": told(stands)})})
