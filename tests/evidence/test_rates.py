"""The fixed-window rules: their boundaries, and how often they act wrongly, computed exactly."""

import pytest

from promptbreeder.evidence.exact import at_most, binomial
from promptbreeder.evidence.rates import LEAST_OUTCOMES, WINDOW, calls_for_rollback, looks_below_eighty


@pytest.mark.parametrize(("n", "most", "on_probation"), [(50, 26, 29), (30, 14, 16), (20, 8, 10)])
def test_the_boundaries_of_a_rollback(n: int, most: int, on_probation: int) -> None:
    """At .01, and at .05 on probation; one more right answer and it stays."""
    assert calls_for_rollback(most, n, probation=False)
    assert not calls_for_rollback(most + 1, n, probation=False)
    assert calls_for_rollback(on_probation, n, probation=True)
    assert not calls_for_rollback(on_probation + 1, n, probation=True)


def test_below_the_least_number_of_outcomes_nothing_is_said() -> None:
    """Nineteen wrong answers are bad, but not yet a reading."""
    assert not calls_for_rollback(0, LEAST_OUTCOMES - 1, probation=True)
    assert not looks_below_eighty(0, LEAST_OUTCOMES - 1)


def test_the_window_reading_of_eighty_percent() -> None:
    """The boundary of a single look at 50 outcomes."""
    assert looks_below_eighty(34, WINDOW)
    assert not looks_below_eighty(35, WINDOW)


def test_false_rollbacks_are_at_most_two_in_a_hundred_streams_of_1000_outcomes() -> None:
    """At a true 80 %, checked after every outcome: the first 50 exactly, each later window at most its own chance."""
    rate, early = 0.8, 0.0
    counts = {0: 1.0}
    for n in range(1, WINDOW + 1):
        after: dict[int, float] = {}
        for right, chance in counts.items():
            for more, part in ((1, rate), (0, 1 - rate)):
                after[right + more] = after.get(right + more, 0.0) + chance * part
        early += sum(chance for right, chance in after.items() if calls_for_rollback(right, n, probation=True))
        counts = {r: chance for r, chance in after.items() if not calls_for_rollback(r, n, probation=True)}
    boundary = max(right for right in range(WINDOW) if calls_for_rollback(right, WINDOW, probation=False))
    late = (1_000 - WINDOW) * at_most(boundary, WINDOW, rate)
    assert 0.003 < early < 0.01
    assert early + late < 0.02


@pytest.mark.parametrize(("rate", "power"), [(0.5, 0.65), (0.4, 0.95)])
def test_a_window_at_a_really_bad_rate_is_rolled_back(rate: float, power: float) -> None:
    """A rule that never acts would make no false rollback either."""
    caught = sum(binomial(r, WINDOW, rate) for r in range(WINDOW + 1) if calls_for_rollback(r, WINDOW, probation=False))
    assert caught > power
