"""The e-value of graded differences: valid for any distribution, and the paired one where scores are whole."""

import itertools
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptbreeder.evidence.evalues import log_e_value
from promptbreeder.evidence.graded import log_e_graded

DIFFERENCES = st.lists(st.floats(-1, 1), max_size=20)


@st.composite
def null_distributions(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Draw values in [-1, 1] with their chances, so that the mean is at most zero."""
    values = draw(st.lists(st.floats(-1, 1), min_size=1, max_size=4))
    weights = draw(st.lists(st.floats(0.01, 1), min_size=len(values), max_size=len(values)))
    chances = [weight / sum(weights) for weight in weights]
    mean = math.fsum(value * chance for value, chance in zip(values, chances, strict=True))
    if mean > 0:
        # Mixed with as much of -1 as takes the mean to zero.
        share = mean / (1 + mean)
        values, chances = [*values, -1.0], [*(chance * (1 - share) for chance in chances), share]
    return list(zip(values, chances, strict=True))


@settings(max_examples=50)
@given(distribution=null_distributions(), past=DIFFERENCES)
def test_one_more_item_adds_no_evidence_on_average_under_the_null(
    distribution: list[tuple[float, float]], past: list[float]
) -> None:
    """The supermartingale property, by enumeration, after any past."""
    here = log_e_graded(past)
    after = math.fsum(chance * math.exp(log_e_graded([*past, value]) - here) for value, chance in distribution)
    assert after <= 1 + 1e-9


@settings(max_examples=25)
@given(distribution=null_distributions())
def test_the_evidence_after_three_items_is_at_most_one_on_average(distribution: list[tuple[float, float]]) -> None:
    """The same over all sequences from the start."""
    total = 0.0
    for drawn in itertools.product(distribution, repeat=3):
        total += math.prod(chance for _, chance in drawn) * math.exp(log_e_graded([value for value, _ in drawn]))
    assert total <= 1 + 1e-9


@given(wins=st.integers(0, 25), losses=st.integers(0, 25), ties=st.integers(0, 25))
def test_differences_of_whole_items_are_wins_and_losses(wins: int, losses: int, ties: int) -> None:
    """The bets are those of the paired e-value; equal scores carry no evidence there either."""
    log = log_e_graded([1.0] * wins + [-1.0] * losses + [0.0] * ties)
    assert log == pytest.approx(log_e_value(wins, losses), abs=0.02)


@settings(max_examples=30)
@given(differences=DIFFERENCES, order=st.randoms(use_true_random=False))
def test_the_order_of_the_items_does_not_matter(differences: list[float], order: Random) -> None:
    """The gate's examples have none."""
    shuffled = [*differences]
    order.shuffle(shuffled)
    assert log_e_graded(shuffled) == pytest.approx(log_e_graded(differences), abs=1e-9)


def test_steady_small_gains_are_shown_and_noise_is_not() -> None:
    """Forty gains of a tenth decide; as many gains as losses of half speak against."""
    assert log_e_graded([0.1] * 40) > math.log(5)
    assert log_e_graded([0.1] * 80) > math.log(20)
    assert log_e_graded([0.5, -0.5] * 40) < 0


def test_no_items_are_no_evidence_and_many_do_not_overflow() -> None:
    """One is the value of nothing; a long certain series stays a number."""
    assert log_e_graded([]) == pytest.approx(0)
    assert math.isfinite(log_e_graded([1.0] * 10_000))
    assert math.isfinite(log_e_graded([-1.0] * 10_000))


@pytest.mark.parametrize("value", [1.01, -1.5, float("nan")])
def test_what_is_no_difference_of_scores_is_refused(value: float) -> None:
    """Outside [-1, 1] a bet could lose more than it has."""
    with pytest.raises(ValueError, match="not a difference"):
        log_e_graded([0.0, value])
