"""Fitness: the weighted formula that ranks units. It never promotes."""

from promptbreeder.models.base import Rates
from promptbreeder.skill import Settings

NO_VOTES = 0.5
"""Preference of a version on which nobody has voted."""


def latency_seconds(fresh_tokens: float, generated_tokens: float, rates: Rates) -> float:
    """Return the model's own time for one item with a warm prefix, in seconds.

    `fresh_tokens` are read anew for the item; what lies in the cached prefix is not counted. Computed from rates that
    were measured once, never from wall time, so that the same candidate always gets the same fitness.
    """
    return fresh_tokens / rates.read + generated_tokens / rates.write


def slowest_seconds(limit: float) -> float:
    """Return from how many seconds on the latency score is 0: twice the limit."""
    return 2.0 * limit


def latency_score(seconds: float, limit: float) -> float:
    """Return 1.0 up to `limit` seconds, falling linearly to 0.0 at twice the limit."""
    return min(1.0, max(0.0, 2.0 - seconds / limit))


def preference_score(wins: int, losses: int) -> float:
    """Return the share of duels won, shrunk to one half by a Beta(2, 2) prior."""
    return (wins + 2) / (wins + losses + 4)


def weighted_fitness(settings: Settings, accuracy: float, latency: float, preference: float = NO_VOTES) -> float:
    """Return `w_acc * accuracy + w_lat * latency score + w_pref * preference`."""
    weights = settings.weights
    return weights.accuracy * accuracy + weights.latency * latency + weights.preference * preference
