"""Influence: which train examples make good demonstrations, from the lists that were measured.

After Chang and Jia, "Data Curation Alone Can Stabilize In-context Learning" (arXiv 2212.10378): what prompts are worth
is fitted by which examples they show, one coefficient an example. A run measures many lists anyway.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import fmean

from promptbreeder.prompt import Prompt

_DOUBT = 3.0
"""Ridge, in lists of `_USUAL` examples: an example shown in three such lists is believed half of what they say."""
_USUAL = 8
"""Examples in a list, for the sake of `_DOUBT` alone: lists of any length are learnt from."""
_SWEEPS = 20
"""Enough for coordinate descent to settle what a ranking needs."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one example does to the prompts that show it, against others in its place."""

    mean: float = 0.0
    error: float = 1.0
    """Standard error of `mean`."""


@dataclass(frozen=True, slots=True)
class Influence:
    """Estimates by the example's input; of one that no prompt has shown nothing is known."""

    known: Mapping[str, Estimate] = field(default_factory=dict)
    other: Estimate = Estimate()
    """Of all others."""

    def sampled(self, inputs: Iterable[str], rng: Random) -> dict[str, float]:
        """Return for each input an influence that it might have: the best of these are tried next.

        Thompson sampling; where nothing is known the order is random.
        """
        estimates = {each: self.known.get(each, self.other) for each in inputs}
        return {each: rng.gauss(estimate.mean, estimate.error) for each, estimate in estimates.items()}


def influence(worth: Sequence[tuple[Prompt, float]]) -> Influence:
    """Return the influence of every example shown in the prompts, given what each prompt is worth.

    A ridge regression, by coordinate descent. A prompt is held against those with a list about as long and the same
    decoding; each example in it has a share of 1/length in what is left.
    """
    groups: dict[tuple[int, str], list[float]] = defaultdict(list)
    for prompt, value in worth:
        groups[_kind(prompt)].append(value)
    rest = [value - fmean(groups[_kind(prompt)]) for prompt, value in worth]
    lists = [[shot.input for shot in prompt.demonstrations] for prompt, _ in worth]
    places: dict[str, list[int]] = defaultdict(list)
    for place, shown in enumerate(lists):
        for each in shown:
            places[each].append(place)
    ridge = _DOUBT / _USUAL**2
    weights = {each: ridge + sum(1 / len(lists[place]) ** 2 for place in found) for each, found in places.items()}
    means = dict.fromkeys(places, 0.0)
    for _ in range(_SWEEPS):
        for each, found in places.items():
            pull = sum((rest[place] + means[each] / len(lists[place])) / len(lists[place]) for place in found)
            change = pull / weights[each] - means[each]
            means[each] += change
            for place in found:
                rest[place] -= change / len(lists[place])
    left = [value for value, shown in zip(rest, lists, strict=True) if shown]
    noise = math.sqrt(fmean(value * value for value in left)) if left else 0.0
    if not noise:
        return Influence()
    known = {each: Estimate(means[each], noise / math.sqrt(weight)) for each, weight in weights.items()}
    return Influence(known, Estimate(0.0, noise / math.sqrt(ridge)))


def _kind(prompt: Prompt) -> tuple[int, str]:
    """Return what prompts have in common that are held against each other; lengths by their power of two."""
    return len(prompt.demonstrations).bit_length(), prompt.decoding.value
