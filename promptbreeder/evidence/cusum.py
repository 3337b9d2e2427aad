"""Detects a fall of the rate of right answers below 80 %: an e-CUSUM over the outcomes of one version.

For each of four lower rates a bet runs that the rate has fallen so far: a right answer multiplies it by rate / 0.8, a
wrong one by (1 - rate) / 0.2, and what has fallen below one starts anew at one (Shin, Ramdas and Rinaldo 2022,
"E-detectors"). The mean of the four is an e-detector. It is looked at after every outcome, so a fixed-window p-value
would not do: at a true 80 % one fires at least once in 1,000 outcomes nearly always.

At the threshold of 2,000 the alarm comes in some 4 % of streams of 1,000 outcomes at a true 80 %; the median delay is
29 outcomes (the mean 33) after a fall from 85 % to 50 %. `benchmarks/drift.py` prints both.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from promptbreeder.evidence.evalues import as_number, log_mean

HELD_RATE = 0.8
LOWER_RATES = (0.4, 0.5, 0.6, 0.7)
THRESHOLD = 2_000.0
"""Leaves room below 5 % for the other reason to evolve, a window that fails with no version to go back to."""
_LOG_THRESHOLD = math.log(THRESHOLD)
_RIGHT = tuple(math.log(rate / HELD_RATE) for rate in LOWER_RATES)
_WRONG = tuple(math.log((1 - rate) / (1 - HELD_RATE)) for rate in LOWER_RATES)


class Detector(NamedTuple):
    """The whole state between two outcomes; plain numbers, fit to be stored as JSON."""

    logs: tuple[float, ...] = (0.0,) * len(LOWER_RATES)
    """Logarithm of each bet's evidence, in the order of `LOWER_RATES`."""
    alarmed: bool = False
    """Set when the threshold is reached, and kept until the evidence is back at zero: an alarm outlasts a cooldown,
    but not a recovery."""

    @property
    def evidence(self) -> float:
        """The e-value against a rate of at least 80 %."""
        return as_number(log_mean(self.logs))

    def after(self, *, right: bool) -> "Detector":
        """Return the state after one more outcome."""
        steps = _RIGHT if right else _WRONG
        logs = tuple(max(0.0, log) + step for log, step in zip(self.logs, steps, strict=True))
        # A mean is never above the greatest: most outcomes need no exponentials.
        reached = max(logs) >= _LOG_THRESHOLD and log_mean(logs) >= _LOG_THRESHOLD
        return Detector(logs, alarmed=reached or (self.alarmed and max(logs) > 0))


def detect(outcomes: Iterable[bool], start: Detector | None = None) -> Detector:
    """Return the state after all outcomes, oldest first; without `start` from zero evidence.

    Start from zero when another version goes into production and when an evolution begins.
    """
    state = Detector() if start is None else start
    for right in outcomes:
        state = state.after(right=right)
    return state
