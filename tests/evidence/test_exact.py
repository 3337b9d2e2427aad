"""Binomial tails and McNemar's test against sums of exact fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptbreeder.evidence.exact import at_least, at_most, binomial, mcnemar


def exact_at_most(k: int, n: int, rate: Fraction) -> Fraction:
    """Return P(X <= k) by its definition."""
    return sum((math.comb(n, i) * rate**i * (1 - rate) ** (n - i) for i in range(k + 1)), Fraction(0))


@settings(max_examples=40)
@given(n=st.integers(0, 60), share=st.fractions(0, 1), rate=st.fractions(0, 1, max_denominator=50))
def test_tails_are_sums_of_the_exact_probabilities(n: int, share: Fraction, rate: Fraction) -> None:
    """Both tails, also far out, where what is left of one minus the other would be rounding."""
    k = int(share * n)
    low, high = exact_at_most(k, n, rate), 1 - exact_at_most(k - 1, n, rate)
    assert at_most(k, n, float(rate)) == pytest.approx(float(low), rel=1e-9, abs=1e-14)
    assert at_least(k, n, float(rate)) == pytest.approx(float(high), rel=1e-9, abs=1e-14)


@settings(max_examples=40)
@given(n=st.integers(1, 60), k=st.integers(0, 20), rate=st.fractions("1/20", "19/20", max_denominator=20))
def test_small_tails_are_right_in_every_digit_that_counts(n: int, k: int, rate: Fraction) -> None:
    """Relative error, not absolute: a p-value of one in a billion is one in a billion."""
    if k <= n * rate:
        assert at_most(k, n, float(rate)) == pytest.approx(float(exact_at_most(k, n, rate)), rel=1e-11)


def test_a_hundred_thousand_pairs_are_no_difficulty() -> None:
    """Against integers: the tail at the middle of an even number is one half and half of the middle term."""
    n = 100_000
    middle = math.exp(math.log(math.comb(n, n // 2)) - n * math.log(2))
    assert at_most(n // 2, n, 0.5) == pytest.approx(0.5 + middle / 2, rel=1e-9)
    assert binomial(n // 2, n, 0.5) == pytest.approx(middle, rel=1e-9)
    tail = sum(math.comb(2_000, i) for i in range(801))
    assert at_most(800, 2_000, 0.5) == pytest.approx(math.exp(math.log(tail) - 2_000 * math.log(2)), rel=1e-11)
    assert 1e-37 < at_most(48_000, n, 0.5) < 1e-36
    assert at_most(0, n, 0.99999) == 0.0


def test_the_ends_are_exact() -> None:
    """Certain and impossible are one and zero, not nearly."""
    assert (at_most(-1, 5, 0.3), at_most(5, 5, 0.3), at_least(0, 5, 0.3), at_least(6, 5, 0.3)) == (0, 1, 1, 0)
    assert (at_most(4, 5, 1.0), at_most(0, 5, 0.0), at_least(5, 5, 1.0)) == (0, 1, 1)
    assert (binomial(5, 5, 1.0), binomial(4, 5, 1.0), binomial(6, 5, 0.5), binomial(0, 0, 0.5)) == (1, 0, 0, 1)


@pytest.mark.parametrize(("n", "rate"), [(-1, 0.5), (5, 1.1), (5, -0.1), (5, float("nan"))])
def test_what_is_no_distribution_is_refused(n: int, rate: float) -> None:
    """A defect of the caller."""
    with pytest.raises(ValueError, match="no binomial distribution"):
        at_most(2, n, rate)


@pytest.mark.parametrize(("b", "c", "p"), [(10, 2, 158 / 4096), (0, 0, 1.0), (3, 3, 1.0), (6, 0, 2 / 64), (4, 3, 1.0)])
def test_mcnemars_p_is_the_two_sided_binomial(b: int, c: int, p: float) -> None:
    """Twice the tail, at most one; the same from both sides."""
    assert mcnemar(b, c) == pytest.approx(p, rel=1e-12)
    assert mcnemar(c, b) == mcnemar(b, c)
