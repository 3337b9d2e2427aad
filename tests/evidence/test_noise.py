"""How far one prompt leads another by chance."""

from random import Random

import pytest

from promptbreeder.evidence.noise import noise_floor


def test_two_constant_answers_lead_each_other_by_chance_in_one_of_twenty_cases_only() -> None:
    """They are right on different items, so their difference varies more than that of independent prompts."""
    rng = Random(1)
    leads = 0
    for _ in range(2_000):
        labels = [rng.randrange(2) for _ in range(40)]
        differences = [1.0 if label else -1.0 for label in labels]
        leads += sum(differences) / 40 > noise_floor(differences, compared=1)
    assert leads / 2_000 < 0.07


def test_prompts_that_agree_are_told_apart_by_less_than_ones_that_differ() -> None:
    """Four items more, of forty: much where all else is the same, nothing where twenty others differ too."""
    agree = [1.0] * 4 + [0.0] * 36
    differ = [1.0] * 12 + [-1.0] * 8 + [0.0] * 20
    assert noise_floor(agree, compared=1) < 0.1 < noise_floor(differ, compared=1)


@pytest.mark.parametrize("differences", [[], [0.0], [1.0], [0.0] * 8])
def test_next_to_nothing_proves_nothing(differences: list[float]) -> None:
    """No noise is never claimed, and more comparisons ask for a larger lead."""
    assert noise_floor(differences, compared=12) >= noise_floor(differences, compared=1) > 0.1
