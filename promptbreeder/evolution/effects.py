"""What each prompt is worth, where prompts were measured on different blocks.

Blocks differ in difficulty: an additive fit takes that out. Of prompts whose answers are chosen among labels the
log-probability of the expected label is known too, at no cost. It is less noisy than right or wrong, but another thing:
it counts only where it is seen to rank this skill's prompts as accuracy does.
"""

from collections.abc import Mapping, Sequence
from statistics import StatisticsError, correlation, fmean, pstdev

from promptbreeder.evolution.asks import Score

AGREES = 0.5
"""Rank correlation from which on likelihood counts."""
LEAST_PROMPTS = 10
"""With fewer prompts a correlation is chance."""
_SWEEPS = 10
_SHRINKAGE = 0.5
"""Blocks' worth of doubt: pulls a prompt that was measured once towards the mean, so that luck does not lead."""

Rows = Mapping[str, Mapping[int, float]]
"""Means by prompt and block."""
Scores = Mapping[str, Mapping[int, Score]]
"""Scores by prompt and block."""


def effects(rows: Rows) -> dict[str, float]:
    """Return each prompt's surplus over the mean: an additive fit of prompts and blocks.

    Alternating least squares; few sweeps are enough for a ranking.
    """
    numbers = sorted({block for row in rows.values() for block in row})
    prompts = dict.fromkeys(rows, 0.0)
    for _ in range(_SWEEPS):
        blocks = {
            block: fmean(row[block] - prompts[name] for name, row in rows.items() if block in row) for block in numbers
        }
        for name, row in rows.items():
            surplus = sum(value - blocks[block] for block, value in row.items())
            prompts[name] = surplus / (len(row) + _SHRINKAGE)
    return prompts


def agreement(scores: Scores) -> float | None:
    """Return how far likelihood ranks the prompts as accuracy does (Spearman), or None for too few prompts."""
    likelihood = _likelihood(scores)
    if len(likelihood) < LEAST_PROMPTS:
        return None
    likely = effects(likelihood)
    right = effects({name: {block: scores[name][block].accuracy for block in row} for name, row in likelihood.items()})
    return rank_correlation([likely[name] for name in likelihood], [right[name] for name in likelihood])


def worth(scores: Scores) -> dict[str, float]:
    """Return each prompt's surplus fitness over the mean, as well as it can be told.

    Where likelihood agrees with accuracy, it is half what was seen and half the prompt's likelihood, brought to the
    same mean and spread.
    """
    seen = effects({name: {block: score.fitness for block, score in row.items()} for name, row in scores.items()})
    if (agreement(scores) or 0.0) < AGREES:
        return seen
    likely = effects(_likelihood(scores))
    mine = [seen[name] for name in likely]
    middle, unit = fmean(likely.values()), pstdev(mine) / pstdev(likely.values())
    return {
        name: (value + fmean(mine) + unit * (likely[name] - middle)) / 2 if name in likely else value
        for name, value in seen.items()
    }


def _likelihood(scores: Scores) -> dict[str, dict[int, float]]:
    rows = {
        name: {block: score.likelihood for block, score in row.items() if score.likelihood is not None}
        for name, row in scores.items()
    }
    return {name: row for name, row in rows.items() if row}


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Return Spearman's rank correlation; 0 where all are alike on one side, as there is nothing to agree on."""
    try:
        return correlation(_ranks(left), _ranks(right))
    except StatisticsError:
        return 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(values)
    return [order.index(value) + (order.count(value) - 1) / 2 for value in values]
