"""The detector of a fallen rate: its false alarms, its delay, and when it forgets.

Its states are too many to follow through 1,000 outcomes. Over a short stream they are followed exactly; over a long one
false alarms are estimated with a fixed seed, to some 2 % of the rate: the detector starts anew whenever its evidence is
back at zero, and the small chance of an alarm before that is measured under a lower rate, each stream weighted with its
likelihood ratio (Siegmund 1976).
"""

import json
import math
from collections.abc import Iterator
from random import Random
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evidence.cusum import HELD_RATE, LOWER_RATES, THRESHOLD, Detector, detect

OUTCOMES = st.lists(st.booleans(), max_size=80)
TILTED_RATE = 0.6


def alarm_weight(rng: Random) -> float:
    """Run from zero evidence under the tilted rate until alarm or zero; return an alarm's weight, else nothing."""
    detector, weight = Detector(), 1.0
    while True:
        right = rng.random() < TILTED_RATE
        weight *= HELD_RATE / TILTED_RATE if right else (1 - HELD_RATE) / (1 - TILTED_RATE)
        detector = detector.after(right=right)
        if detector.alarmed:
            return weight
        if max(detector.logs) <= 0:
            return 0.0


def starts_at_zero(rng: Random, outcomes: int) -> int:
    """Count how often a stream at a true 80 % is back at zero evidence."""
    detector, count = Detector(), 0
    for _ in range(outcomes):
        detector = detector.after(right=rng.random() < HELD_RATE)
        count += max(detector.logs) <= 0
    return count


def test_at_a_true_eighty_percent_fewer_than_five_streams_of_1000_outcomes_in_a_hundred_alarm() -> None:
    """Standard error of the estimate: 0.12 points. An alarm in a stream is one in any of its starts from zero."""
    rng = Random(20_240_229)
    chance = mean(alarm_weight(rng) for _ in range(14_000))
    starts = mean(starts_at_zero(rng, 1_000) for _ in range(60))
    assert 0.039 < 1 - (1 - chance) ** starts < 0.046


def test_an_early_alarm_is_no_likelier_than_betting_allows() -> None:
    """Every stream is followed: the chance of an alarm by outcome t is below t / threshold, which a detector promises.

    The number is pinned: 4.5 alarms in 10,000 streams of 30.
    """
    standing, alarmed = {Detector(): 1.0}, 0.0
    for count in range(1, 31):
        after: dict[Detector, float] = {}
        for detector, chance in standing.items():
            for right, share in ((True, HELD_RATE), (False, 1 - HELD_RATE)):
                state = detector.after(right=right)
                if state.alarmed:
                    alarmed += chance * share
                    continue
                # What is at or below zero starts anew, whatever it was: states that differ in no more are one.
                merged = Detector(tuple(max(0.0, round(log, 9)) for log in state.logs))
                after[merged] = after.get(merged, 0.0) + chance * share
        standing = after
        assert alarmed <= count / THRESHOLD
    assert alarmed == pytest.approx(0.000452, abs=5e-7)


@pytest.mark.parametrize("before", [0.80, 0.85])
def test_a_fall_to_fifty_percent_is_seen_after_a_median_of_thirty_outcomes(before: float) -> None:
    """After a hundred outcomes at the old rate; the mean is some 33, the seed is fixed."""
    rng = Random(7)

    def delays() -> Iterator[int]:
        while True:
            detector = detect(rng.random() < before for _ in range(100))
            count = 0
            while not detector.alarmed:
                detector, count = detector.after(right=rng.random() < 0.5), count + 1
            if count:
                yield count

    seen = [count for count, _ in zip(delays(), range(500), strict=False)]
    assert 27 <= median(seen) <= 31
    assert 30 <= mean(seen) <= 35
    assert sum(count <= 50 for count in seen) > 0.8 * len(seen)


@given(past=OUTCOMES)
def test_no_outcome_adds_evidence_on_average_at_a_true_eighty_percent(past: list[bool]) -> None:
    """But for the restart at one, which is what makes it a detector: each bet grows by at most what it started with."""
    detector = detect(past)
    restarted = sum(max(1.0, math.exp(log)) for log in detector.logs) / len(LOWER_RATES)
    after = HELD_RATE * detector.after(right=True).evidence + (1 - HELD_RATE) * detector.after(right=False).evidence
    assert after == pytest.approx(restarted)


@given(past=OUTCOMES, later=OUTCOMES)
def test_the_fold_can_be_cut_anywhere_and_stored_in_between(past: list[bool], later: list[bool]) -> None:
    """The state is all that is needed of the past, and JSON holds it."""
    logs, alarmed = json.loads(json.dumps(detect(past)))
    assert detect(later, Detector(tuple(logs), alarmed=alarmed)) == detect([*past, *later])


def test_the_shortest_way_to_an_alarm() -> None:
    """Eight wrong in a row from zero, also after any number of right ones; seven are not enough."""
    assert not detect([True] * 500 + [False] * 7).alarmed
    alarmed = detect([True] * 500 + [False] * 8)
    assert alarmed.alarmed
    assert alarmed.evidence >= THRESHOLD > detect([False] * 7).evidence


def test_an_alarm_outlasts_a_cooldown_but_not_a_recovery() -> None:
    """One right answer does not end it; it is over when the evidence is back at zero."""
    alarmed = detect([False] * 8)
    assert detect([True], alarmed).alarmed
    recovered = detect([True] * 60, alarmed)
    assert not recovered.alarmed
    assert max(recovered.logs) <= 0
