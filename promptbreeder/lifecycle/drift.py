"""Drift: does production still do as well as it did, and what is to be done. Pure.

Two rules with two purposes. *Evolve* goes by a detector that may be looked at after every outcome; *roll back* by a
fixed window, with a p-value small enough for that. At a true 80 % each acts wrongly in few of 1,000 outcomes.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from promptbreeder.evidence.cusum import Detector
from promptbreeder.evidence.exact import at_most
from promptbreeder.evidence.rates import (
    LEAST_OUTCOMES,
    ROLLBACK_RATE,
    WINDOW,
    calls_for_rollback,
    looks_below_eighty,
)

DAY = 86_400.0
COOLDOWN_SECONDS = 7 * DAY
PROBATION_OUTCOMES, PROBATION_SECONDS = 50, 7 * DAY

DriftState = Literal["ok", "degraded", "failing", "not enough data"]
Action = Literal["none", "evolve", "roll back", "skipped"]
Target = Literal["none", "not worse", "worse"]
"""The version to go back to, measured now on the same examples as production; `none` where there is no such version."""
Fall = Literal["none", "new", "answered"]
"""What the re-check on a changed model shows; `answered`: production fell, and an evolution on that model has begun."""

EXIT_CODES: dict[DriftState, int] = {"ok": 0, "degraded": 1, "failing": 2, "not enough data": 3}


class Reading(NamedTuple):
    """What the live outcomes of the version in production say."""

    state: DriftState
    right: int
    n: int
    """Outcomes in the window: the last 50 at most."""
    p_rollback: float
    """One-sided exact p-value of the window against a rate of 70 %."""
    evidence: float
    """The detector's present evidence that the rate has fallen below 80 %."""
    window_below_eighty: bool
    """The window alone, looked at once, is significantly below 80 %; information, no trigger."""
    probation: bool


def on_probation(*, outcomes: int, promoted_at: float, now: float) -> bool:
    """Tell whether a version still is in its first 50 outcomes and 7 days; whichever ends first ends the probation.

    Times are in seconds since the epoch. A clock that goes back does not end it.
    """
    return outcomes <= PROBATION_OUTCOMES and now < promoted_at + PROBATION_SECONDS


def read_drift(outcomes: Sequence[bool], detector: Detector, *, promoted_at: float, now: float) -> Reading:
    """Read all outcomes of the version since it went into production, oldest first, and the detector over them."""
    window = outcomes[-WINDOW:]
    right, n = sum(window), len(window)
    probation = on_probation(outcomes=len(outcomes), promoted_at=promoted_at, now=now)
    state: DriftState = "ok"
    if n < LEAST_OUTCOMES:
        state = "not enough data"
    elif calls_for_rollback(right, n, probation=probation):
        state = "failing"
    elif detector.alarmed:
        state = "degraded"
    return Reading(
        state,
        right,
        n,
        at_most(right, n, ROLLBACK_RATE),
        detector.evidence,
        looks_below_eighty(right, n),
        probation,
    )


def state_after(reading: Reading, fall: Fall) -> DriftState:
    """Return what outcomes and re-check say together; a fall that only the re-check shows counts as degraded."""
    return "degraded" if fall != "none" and reading.state in {"ok", "not enough data"} else reading.state


def summary(reading: Reading, fall: Fall) -> str:
    """Return the state and the outcomes in some words, without a full stop."""
    if reading.state == state_after(reading, fall):
        return f"{reading.state.capitalize()}: {reading.right} of the last {reading.n} right"
    outcomes = f"{reading.right} of the last {reading.n} outcomes right" if reading.n else "no outcomes yet"
    return f"Degraded by a change of the model ({outcomes})"


class Decision(NamedTuple):
    """What the monitor does about a reading."""

    action: Action
    sentence: str


def decide(
    reading: Reading,
    *,
    target: Target,
    unchanged: bool,
    last_evolution_started: float | None,
    now: float,
    fall: Fall = "none",
) -> Decision:
    """Return what to do.

    `target` matters only where the reading says failing: otherwise nothing need be measured for it. `unchanged` says
    that since the last check neither the fingerprint (model, backend, parameters, version, examples) changed nor an
    outcome came. `last_evolution_started` is of the last *automatic* evolution, also of one that failed. A fall calls
    for one evolution, also one by hand: what it shows stays the same however often one looks.
    """
    state, told = state_after(reading, fall), summary(reading, fall)
    if state == "failing" and target == "not worse":
        return Decision("roll back", f"{told}; the version before does no worse.")
    is_due = reading.state in {"failing", "degraded"} or fall == "new"
    if is_due and not is_cooling(last_evolution_started, now):
        return Decision("evolve", f"{told}.")
    if unchanged:
        return Decision("skipped", "Unchanged since the last check.")
    if state == "not enough data":
        return Decision("none", f"Not enough data: {reading.n} outcomes, {LEAST_OUTCOMES} are the least.")
    if state == "ok":
        return Decision("none", f"{told}.")
    cooling, answered = "the last automatic evolution is under 7 days old", "it has been evolved on this model already"
    return Decision("none", f"{told}; {cooling if is_due else answered}.")


def is_cooling(last_evolution_started: float | None, now: float) -> bool:
    """Tell whether an automatic evolution must wait: one per skill in 7 days, from its start.

    A clock that has gone back to before the last start still cools. Evolutions started by hand do not ask.
    """
    return last_evolution_started is not None and now < last_evolution_started + COOLDOWN_SECONDS


def exit_code(states: Iterable[DriftState]) -> int:
    """Return what `monitor --once` exits with for all skills: the worst that is known of any.

    0 ok, 1 degraded, 2 failing; 3 where no skill has enough data.
    """
    known = [EXIT_CODES[state] for state in states if state != "not enough data"]
    return max(known, default=EXIT_CODES["not enough data"])
