"""What the drift rules do when nothing has changed, and how soon they see a fall: simulated with the shipped rules.

    python benchmarks/drift.py [--streams 10000] [--json]

Each stream is 1,000 outcomes of one version from its promotion on, at a true rate of 80 %, looked at after every one:
stricter than life, where the monitor looks once an hour. Its first 50 outcomes count as within 7 days, so the stricter
rule of the probation holds for them. A *false rollback* is a window that fails, whatever the version before would have
done; a *false evolve trigger* is an alarm of the detector, or a window that fails with no version to go back to.

Then falls from 85 % to 50 % after 200 outcomes: how many more until the monitor says so. Seeds are fixed.
"""

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from random import Random
from statistics import mean, median

from promptbreeder.evidence.cusum import Detector
from promptbreeder.evidence.intervals import wilson
from promptbreeder.evidence.rates import LEAST_OUTCOMES, WINDOW, calls_for_rollback
from promptbreeder.lifecycle.drift import PROBATION_OUTCOMES

OUTCOMES = 1_000
HELD, BEFORE, AFTER = 0.80, 0.85, 0.50
CALM = 200
CHUNK = 500
SOON = 50
FALLS = 4_000
LONGEST = 1_000


def failing_at(*, probation: bool) -> dict[int, int]:
    """Return, for each number of outcomes in the window, the most right ones that still fail; -1 for none."""
    return {
        n: max((k for k in range(n + 1) if calls_for_rollback(k, n, probation=probation)), default=-1)
        for n in range(WINDOW + 1)
    }


FAILING = {probation: failing_at(probation=probation) for probation in (True, False)}


class Watch:
    """The detector and the window over one stream."""

    def __init__(self) -> None:
        self._detector = Detector()
        self._outcomes: list[bool] = []
        self._right = 0

    def sees(self, *, right: bool) -> tuple[bool, bool]:
        """Take one more outcome; return whether the window fails, and whether the detector has alarmed."""
        seen = self._outcomes
        seen.append(right)
        self._right += right - (seen[-WINDOW - 1] if len(seen) > WINDOW else 0)
        self._detector = self._detector.after(right=right)
        failing = self._right <= FAILING[len(seen) <= PROBATION_OUTCOMES][min(len(seen), WINDOW)]
        return failing, self._detector.alarmed and len(seen) >= LEAST_OUTCOMES


def false_acts(seed: int) -> tuple[int, int, int]:
    """Return in how many of a chunk of calm streams the window failed, the detector alarmed, and either did."""
    rng, counts = Random(seed), [0, 0, 0]
    for _ in range(CHUNK):
        watch, failed, alarmed = Watch(), False, False
        for _ in range(OUTCOMES):
            failing, alarm = watch.sees(right=rng.random() < HELD)
            failed, alarmed = failed or failing, alarmed or alarm
        counts = [
            count + happened for count, happened in zip(counts, (failed, alarmed, failed or alarmed), strict=True)
        ]
    return counts[0], counts[1], counts[2]


def delay(rng: Random) -> tuple[int, int] | None:
    """Return after how many outcomes at the lower rate the detector alarms, and the monitor says degraded or failing.

    None where it did before the fall.
    """
    watch, first, count = Watch(), 0, 0
    for _ in range(CALM):
        if any(watch.sees(right=rng.random() < BEFORE)):
            return None
    while count < LONGEST:
        count += 1
        failing, alarm = watch.sees(right=rng.random() < AFTER)
        first = first or (count if failing or alarm else 0)
        if alarm:
            break
    return count, first


def calm_figures(streams: int) -> dict[str, list[float]]:
    """Return the rates of acting for nothing, each with its 95 % interval."""
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        found = list(workers.map(false_acts, range(-(-streams // CHUNK))))
    n = CHUNK * len(found)
    named = zip(("false rollbacks", "detector alarms", "false evolve triggers"), zip(*found, strict=True), strict=True)
    rates = {name: (sum(counts) / n, *wilson(sum(counts), n)) for name, counts in named}
    return {name: [round(number, 4) for number in rate] for name, rate in rates.items()}


def fall_figures() -> dict[str, float]:
    """Return how soon a fall is seen."""
    rng = Random(20_261_124)
    seen = [found for found in (delay(rng) for _ in range(FALLS)) if found is not None]
    by_detector, by_monitor = (sorted(delays) for delays in zip(*seen, strict=True))
    return {
        "falls": len(seen),
        "median": median(by_detector),
        "mean": round(mean(by_detector), 1),
        "nine in ten within": by_detector[int(0.9 * len(by_detector))],
        f"share within {SOON}": round(sum(count <= SOON for count in by_detector) / len(by_detector), 3),
        "median, either rule": median(by_monitor),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    calm, falls = calm_figures(given.streams), fall_figures()
    if given.json:
        print(json.dumps({"calm": calm, "fall": falls}))
        return
    print(f"share of streams of {OUTCOMES:,} outcomes at a true {HELD:.0%} in which it ever happens:")
    for name, (rate, low, high) in calm.items():
        print(f"  {name}: {rate:.2%} [{low:.2%}-{high:.2%}]")
    print(f"outcomes until the detector alarms after a fall from {BEFORE:.0%} to {AFTER:.0%}:")
    for name, number in falls.items():
        print(f"  {name}: {number:g}")


if __name__ == "__main__":
    main()
