"""The Wilson interval: known values, symmetry, and that it never leaves [0, 1]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evidence.intervals import wilson


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        # Newcombe 1998, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    """Published values, to four decimals."""
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@given(n=st.integers(1, 5_000), share=st.floats(0, 1))
def test_the_interval_holds_the_estimate_and_mirrors(n: int, share: float) -> None:
    """Within [0, 1], around the estimate, and the same for wrong as for right, turned round."""
    right = min(n * share, float(n))
    low, high = wilson(right, n)
    assert 0 <= low <= right / n + 1e-12
    assert right / n - 1e-12 <= high <= 1
    assert low < high
    mirrored = wilson(n - right, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-9)


@given(n=st.integers(1, 500), times=st.integers(2, 20), share=st.floats(0, 1))
def test_more_items_give_a_narrower_interval(n: int, times: int, share: float) -> None:
    """At the same share."""
    few, many = (wilson(min(size * share, float(size)), size) for size in (n, n * times))
    assert many.high - many.low < few.high - few.low


@given(n=st.integers(1, 500))
def test_the_ends_are_exact(n: int) -> None:
    """None right leaves no trace of rounding above 0, and all right none below 1."""
    assert wilson(0, n).low == 0.0
    assert wilson(n, n).high == 1.0


@pytest.mark.parametrize(("right", "n"), [(0, 0), (1, -1), (-0.1, 5), (5.1, 5), (float("nan"), 5)])
def test_what_is_no_share_has_no_interval(right: float, n: int) -> None:
    """A division that makes no sense is a defect of the caller."""
    with pytest.raises(ValueError, match="no interval"):
        wilson(right, n)
