"""Segment ablation: cut each segment of the instruction and see what it was worth (PMPO, arXiv 2505.16307).

PMPO masks segments and compares the loss; here the cut prompt is measured like any other candidate, on the blocks of
the whole one. A segment whose cut costs nothing only fills a small model's context.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from promptbreeder.evolution.operators.phrase_edits import without
from promptbreeder.evolution.phrases import movable, segments
from promptbreeder.prompt import Prompt


def cuts(text: str, most: int) -> tuple[tuple[int, ...], ...]:
    """Return the places of `text`'s phrases in at most `most` runs of neighbours: the segments that can be cut.

    Every movable phrase is in exactly one. A text of a single phrase has none: something must be left.
    """
    row = segments(text)
    places = movable(row)
    if len(row) < 2 or most < 1:  # noqa: PLR2004  nothing would be left
        return ()
    count = min(most, len(places))
    # A text without a template's mark would be cut as a whole by a single run.
    if count < 2 and len(places) == len(row):  # noqa: PLR2004
        return ()
    bounds = [index * len(places) // count for index in range(count + 1)]
    return tuple(places[start:end] for start, end in pairwise(bounds))


def ablated(prompt: Prompt, cut: Sequence[int]) -> Prompt:
    """Return the prompt without the phrases at the places in `cut`."""
    return prompt.but(instruction=without(segments(prompt.instruction), cut))


def pruned(prompt: Prompt, parts: Sequence[Sequence[int]], worth: Callable[[Prompt], float]) -> Prompt | None:
    """Return the prompt without all segments that were worth nothing; None where that is fewer than two.

    `worth` tells how much fitter the whole prompt was than one of its ablations.
    """
    idle = [part for part in parts if worth(ablated(prompt, part)) <= 0]
    places = tuple(place for part in idle for place in part)
    if len(idle) < 2 or len(places) == len(segments(prompt.instruction)):  # noqa: PLR2004  one alone is measured
        return None
    return ablated(prompt, places)
