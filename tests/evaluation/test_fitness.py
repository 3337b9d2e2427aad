"""Fitness: the weighted formula, its presets, and the shape of its parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.evaluation.fitness import latency_score, latency_seconds, preference_score, weighted_fitness
from promptbreeder.models.base import Rates
from promptbreeder.skill import PRESETS, Settings

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("preset", "weights"),
    [
        ("balanced", (0.7, 0.2, 0.1)),
        ("fast", (0.5, 0.4, 0.1)),
        ("taste", (0.6, 0.2, 0.2)),
        ("accurate", (0.8, 0.1, 0.1)),
    ],
)
def test_a_preset_weighs_the_parts_as_the_research_note_does(preset: str, weights: tuple[float, float, float]) -> None:
    """Each part alone shows its weight; together they make 1."""
    settings = Settings.model_validate({"weights": preset})
    parts = [weighted_fitness(settings, *part) for part in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert parts == pytest.approx(weights)
    assert weighted_fitness(settings, 1, 1, 1) == pytest.approx(1)
    assert settings.weights == PRESETS[preset]


def test_balanced_is_the_default() -> None:
    """Seven tenths accuracy, as the note says; a version without votes is neither liked nor disliked."""
    assert Settings().weights == PRESETS["balanced"]
    assert weighted_fitness(Settings(), 1.0, 1.0) == pytest.approx(0.95)


@given(accuracy=SHARES, latency=SHARES, preference=SHARES)
def test_fitness_lies_between_its_smallest_and_largest_part(accuracy: float, latency: float, preference: float) -> None:
    """It is a mean: no weight gets lost and none counts twice."""
    fitness = weighted_fitness(Settings(), accuracy, latency, preference)
    assert min(accuracy, latency, preference) - 1e-9 <= fitness <= max(accuracy, latency, preference) + 1e-9


@pytest.mark.parametrize(
    ("seconds", "score"), [(0, 1), (1, 1), (2, 1), (2.5, 0.75), (3, 0.5), (4, 0), (4.01, 0), (1e9, 0)]
)
def test_an_answer_is_fast_enough_up_to_the_limit_and_worth_nothing_from_twice_of_it(
    seconds: float, score: float
) -> None:
    """Between the two the score falls linearly."""
    assert latency_score(seconds, limit=2) == pytest.approx(score)


@given(one=st.floats(0, 100), other=st.floats(0, 100), limit=st.floats(0.01, 50))
def test_slower_is_never_better(one: float, other: float, limit: float) -> None:
    """Monotone, and within 0 and 1."""
    slow, fast = latency_score(max(one, other), limit), latency_score(min(one, other), limit)
    assert 0 <= slow <= fast <= 1


def test_latency_counts_what_is_read_anew_and_what_is_written() -> None:
    """At the rates measured for the model, the slow direction at its own rate."""
    assert latency_seconds(100, 10, Rates(read=1_000, write=50)) == pytest.approx(0.1 + 0.2)


def test_preference_is_the_share_of_duels_won_drawn_towards_one_half() -> None:
    """Two imaginary wins and losses: one vote moves little, many say what they say."""
    assert preference_score(0, 0) == 0.5
    assert preference_score(1, 0) == pytest.approx(0.6)
    assert preference_score(98, 0) == pytest.approx(100 / 102)
    assert preference_score(3, 5) == pytest.approx(1 - preference_score(5, 3))
