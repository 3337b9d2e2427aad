"""What a prompt is worth, by right answers and by the likelihood of the expected ones."""

from collections.abc import Mapping

import pytest

from promptbreeder.evolution.asks import Score
from promptbreeder.evolution.effects import AGREES, LEAST_PROMPTS, agreement, rank_correlation, worth

Scores = dict[str, dict[int, Score]]


def _score(fitness: float, likelihood: float | None = None) -> Score:
    return Score(fitness=fitness, accuracy=fitness, items=16, complete=True, likelihood=likelihood)


def _scores(values: Mapping[str, tuple[float, float | None]]) -> Scores:
    return {name: {0: _score(*value)} for name, value in values.items()}


def _agreeing(count: int = LEAST_PROMPTS) -> Scores:
    return _scores({f"p{n}": (n / count, -3 + n / count) for n in range(count)})


def test_ranks_that_agree_or_oppose_are_plus_or_minus_one() -> None:
    """Spearman's: ties share their rank, scale does not matter, and a constant agrees with nothing."""
    assert rank_correlation([1, 2, 30], [0.1, 0.2, 0.3]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [9, 5, 1]) == pytest.approx(-1)
    assert rank_correlation([1, 1, 2], [5, 5, 7]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3], [4, 4, 4]) == 0


def test_too_few_prompts_with_likelihoods_say_nothing_about_agreement() -> None:
    """Free answers have none, and do not count."""
    assert agreement(_agreeing()) == pytest.approx(1)
    assert agreement(_agreeing(LEAST_PROMPTS - 1)) is None
    free = _scores({f"f{n}": (0.5, None) for n in range(LEAST_PROMPTS)})
    assert agreement({**_agreeing(LEAST_PROMPTS - 1), **free}) is None


def test_agreement_is_seen_past_blocks_of_different_difficulty() -> None:
    """The better prompt met the harder block: raw means would rank it last in one and first in the other."""
    scores = _agreeing()
    for number, (name, row) in enumerate(scores.items()):
        mine = row[0]
        if number >= LEAST_PROMPTS // 2:
            row[1] = _score(mine.fitness - 0.9, (mine.likelihood or 0.0) - 5)
            if number > LEAST_PROMPTS // 2:
                scores[name] = {1: row[1]}
    assert (agreement(scores) or 0) > 0.9


def test_where_likelihood_agrees_it_breaks_ties_and_tempers_luck() -> None:
    """Of two prompts that were right as often the likelier one leads; luck without likelihood is believed in part."""
    scores = {**_agreeing(), **_scores({"dull": (0.5, -2.9), "keen": (0.5, -2.1), "lucky": (1.0, -2.9)})}
    ranked = worth(scores)
    assert ranked["keen"] > ranked["dull"]
    assert ranked["lucky"] < ranked["p9"]


def test_where_likelihood_does_not_agree_only_fitness_counts() -> None:
    """Likelihoods that run against accuracy, or are too few, change nothing."""
    fitness = {name: row[0].fitness for name, row in _agreeing().items()}
    plain = worth(_scores({name: (value, None) for name, value in fitness.items()}))
    opposed = _scores({name: (value, -value) for name, value in fitness.items()})
    assert (agreement(opposed) or 0) < AGREES
    assert worth(opposed) == plain
    few = dict(list(opposed.items())[:3])
    assert worth(few) == worth(_scores({name: (fitness[name], None) for name in few}))


def test_prompts_without_likelihood_keep_what_was_seen_of_them() -> None:
    """Free and constrained prompts are ranked in one list, on the scale of fitness."""
    scores = {**_agreeing(), **_scores({"free good": (0.95, None), "free bad": (0.05, None)})}
    ranked = worth(scores)
    assert ranked["free good"] > ranked["p5"] > ranked["free bad"]
