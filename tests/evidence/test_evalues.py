"""The paired e-value: its definition, its boundaries, and that it is evidence at all."""

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptbreeder.evidence.evalues import (
    LOG_SHOWN,
    SHOWN,
    SUSPECTED,
    as_number,
    e_bet,
    e_mix,
    e_value,
    is_futile,
    log_e_value,
    wins_needed,
)

COUNT = st.integers(0, 60)
LARGE = st.integers(0, 100_000)


@pytest.mark.parametrize("part", [e_mix, e_bet, e_value])
def test_a_fair_flip_neither_adds_nor_takes_evidence(part: Callable[[int, int], float]) -> None:
    """The martingale property, exactly, at every state up to 40 pairs; with value one at the start."""
    assert callable(part)
    assert part(0, 0) == 1
    for n in range(41):
        for wins in range(n + 1):
            losses = n - wins
            assert (part(wins + 1, losses) + part(wins, losses + 1)) / 2 == part(wins, losses)


@given(wins=COUNT, losses=COUNT)
def test_a_win_is_never_less_evidence_than_a_loss(wins: int, losses: int) -> None:
    """So below a win rate of one half the evidence falls on average: the null holds with all that it contains."""
    assert e_mix(wins + 1, losses) > e_mix(wins, losses + 1)
    assert e_bet(wins + 1, losses) > e_bet(wins, losses + 1)


@given(wins=COUNT, losses=COUNT)
def test_the_mixtures_of_both_directions_add_up(wins: int, losses: int) -> None:
    """Together they are the uniform mixture over all win rates, which does not know wins from losses."""
    n = wins + losses
    both = Fraction(2 ** (n + 1), (n + 1) * math.comb(n, wins))
    assert e_mix(wins, losses) + e_mix(losses, wins) == both


@pytest.mark.parametrize(
    ("threshold", "wins", "losses"),
    [
        *((SHOWN, *counts) for counts in [(7, 0), (10, 1), (12, 2), (14, 3), (15, 4), (17, 5), (19, 6)]),
        *((SUSPECTED, *counts) for counts in [(6, 0), (8, 1), (10, 2), (12, 3), (14, 4)]),
    ],
)
def test_the_boundaries(threshold: float, wins: int, losses: int) -> None:
    """What decides, and one win less does not."""
    assert e_value(wins, losses) >= threshold > e_value(wins - 1, losses)
    assert wins_needed(wins - 1, losses, math.log(threshold)) == 1
    assert wins_needed(0, losses, math.log(threshold)) == wins


@settings(max_examples=40)
@given(wins=st.integers(0, 1_500), losses=st.integers(0, 1_500))
def test_logarithms_are_those_of_the_exact_value(wins: int, losses: int) -> None:
    """On both sides of the size from which the value is a sum of floats."""
    exact = e_value(wins, losses)
    assert log_e_value(wins, losses) == pytest.approx(math.log(exact.numerator) - math.log(exact.denominator), abs=1e-9)


@settings(max_examples=40)
@given(wins=LARGE, losses=LARGE)
def test_huge_counts_still_have_evidence_that_a_fair_flip_leaves(wins: int, losses: int) -> None:
    """Nothing overflows, and the martingale property holds to the last digits."""
    here = log_e_value(wins, losses)
    after = [log_e_value(wins + 1, losses), log_e_value(wins, losses + 1)]
    assert sum(math.exp(log - here) for log in after) / 2 == pytest.approx(1, abs=1e-6)
    assert 0 < as_number(here) < math.inf or here < -700


@settings(max_examples=40)
@given(wins=st.integers(0, 2_000), losses=st.integers(0, 2_000), target=st.floats(-2, 12))
def test_the_wins_needed_are_enough_and_one_less_is_not(wins: int, losses: int, target: float) -> None:
    """In a row, from here; none if the target is reached. Futile is what has fewer pairs left."""
    needed = wins_needed(wins, losses, target)
    assert log_e_value(wins + needed, losses) >= target
    assert not is_futile(wins, losses, needed, target)
    if needed:
        assert log_e_value(wins + needed - 1, losses) < target
        assert is_futile(wins, losses, needed - 1, target)


@pytest.mark.parametrize(("wins", "losses", "needed"), [(0, 0, 7), (3, 1, 7), (7, 0, 0), (5, 5, 12)])
def test_examples_of_wins_needed(wins: int, losses: int, needed: int) -> None:
    """From nothing seven in a row."""
    assert wins_needed(wins, losses) == needed
    assert (wins_needed(wins, losses) == 0) == (log_e_value(wins, losses) >= LOG_SHOWN)


def test_negative_counts_are_no_evidence() -> None:
    """A defect of the caller."""
    with pytest.raises(ValueError, match="no evidence in -1 wins"):
        log_e_value(-1, 3)
