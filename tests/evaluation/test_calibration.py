"""How much is taken off each label."""

import math
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evaluation.calibration import DOUBT, frequencies, prior_for, shares

LOGPROBS = st.floats(min_value=-8, max_value=0)
ROWS = st.integers(2, 4).flatmap(
    lambda labels: st.tuples(
        st.lists(st.lists(LOGPROBS, min_size=labels, max_size=labels), min_size=1, max_size=12),
        st.lists(st.integers(1, 9), min_size=labels, max_size=labels),
    )
)


def test_frequent_answers_make_frequent_labels() -> None:
    """Counted as labels are compared, in any letters; what is no label counts for nothing, nor what is not known."""
    found = frequencies(("up", "down"), ["Up", "up ", "UP", "down", "sideways", None])
    assert found == pytest.approx(((3 + DOUBT) / (4 + 2 * DOUBT), (1 + DOUBT) / (4 + 2 * DOUBT)))


def test_without_answers_all_labels_are_equally_frequent() -> None:
    """A skill without examples is calibrated too."""
    assert frequencies(("a", "b", "c"), []) == pytest.approx((1 / 3, 1 / 3, 1 / 3))


@given(ROWS)
def test_afterwards_each_labels_mean_share_is_its_frequency(case: tuple[list[list[float]], list[int]]) -> None:
    """Whatever the model prefers, and by how much."""
    rows, weights = case
    wanted = [weight / sum(weights) for weight in weights]
    prior = prior_for(rows, wanted)
    means = [fmean(column) for column in zip(*([math.exp(s) for s in shares(row, prior)] for row in rows), strict=True)]
    assert means == pytest.approx(wanted, abs=2e-3)


def test_a_liking_that_all_inputs_share_goes_and_what_an_input_adds_stays() -> None:
    """Two labels equally frequent, one of them preferred by 3 everywhere: what is left decides."""
    rows = [(-1.0, -4.0 + lean) for lean in (-1.0, 1.0)]
    taken = prior_for(rows, (0.5, 0.5))
    assert [shares(row, taken)[0] > shares(row, taken)[1] for row in rows] == [True, False]


def test_without_inputs_nothing_is_taken_off() -> None:
    """Nothing is known of what the model likes."""
    assert prior_for([], (0.5, 0.5)) == (0.0, 0.0)
