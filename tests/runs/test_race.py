"""When a candidate has lost: the test is valid however often one looks, and certain losers are seen as such."""

from random import Random

import pytest

from promptbreeder.runs.race import best_still_possible, is_shown_worse


def _dies_after(mine: float, leader: float, rng: Random, items: int = 400, block: int = 16) -> int | None:
    own = [float(rng.random() < mine) for _ in range(items)]
    best = [float(rng.random() < leader) for _ in range(items)]
    looks = range(block, items + 1, block)
    return next((n for n in looks if is_shown_worse(own[:n], best[:n])), None)


def test_an_equal_is_seldom_dropped_however_often_one_looks() -> None:
    """At most one in ten over 25 looks; testing anew at 10 % each time would drop far more."""
    rng = Random(1)
    assert sum(_dies_after(0.6, 0.6, rng) is not None for _ in range(300)) <= 30


def test_what_is_twenty_points_worse_is_dropped_soon() -> None:
    """Half of them within a hundred items, nearly all within four hundred."""
    rng = Random(2)
    ends = sorted(_dies_after(0.5, 0.7, rng) or 999 for _ in range(100))
    assert ends[50] <= 112
    assert ends[90] <= 400


def test_six_losses_without_a_win_are_enough_and_five_are_not() -> None:
    """The published table of the e-value at 10; items on which both agree carry no evidence."""
    assert is_shown_worse([0.0] * 6 + [1.0] * 30, [1.0] * 36)
    assert not is_shown_worse([0.0] * 5 + [1.0] * 30, [1.0] * 35)
    assert not is_shown_worse([1.0] * 36, [0.0] * 6 + [1.0] * 30)


def test_graded_scores_are_compared_by_how_much_they_differ() -> None:
    """Many small losses are less than as many whole ones."""
    assert not is_shown_worse([0.9] * 8, [1.0] * 8)
    assert is_shown_worse([0.0] * 8, [1.0] * 8)


def test_the_best_that_is_possible_takes_all_the_rest_as_right() -> None:
    """6 of 10, and 10 to come."""
    assert best_still_possible(0.6, 10, 20) == pytest.approx(0.8)
    assert best_still_possible(0.0, 0, 20) == 1
    assert best_still_possible(0.6, 20, 20) == pytest.approx(0.6)
