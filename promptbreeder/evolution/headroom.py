"""The cheap variants of a prompt whose spread shows whether a search has anything to find."""

from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.neighbours import formats, openings
from promptbreeder.evolution.variant import Variant, admissible
from promptbreeder.prompt import Decoding, Prompt

VARIANTS = 12
_CONTEXT_SIZE = 8
_SEED = 1
_ORDER = list(Decoding)


def cheap_variants(prompt: Prompt, task: Task) -> tuple[Variant, ...]:
    """Return up to a dozen variants that no writer is needed for, always the same ones.

    Other ways of decoding come first, since they cost least; then lists of demonstrations; then formats. The wording
    stays: what a tiny model reacts to most is not the wording.
    """
    rng = Random(_SEED)
    opened = openings(prompt, task, rng, _CONTEXT_SIZE)
    decoded = sorted((v for v in opened if v.operator == "decoding"), key=lambda v: _ORDER.index(v.prompt.decoding))
    shown = [variant for variant in opened if variant.operator != "decoding"]
    best = max((Decoding(value) for value in task.decodings), key=_ORDER.index)
    laid_out = [v for v in formats(prompt.but(decoding=best), task, rng, _CONTEXT_SIZE) if v.operator != "decoding"]
    rng.shuffle(laid_out)
    return admissible([*decoded, *shown, *laid_out], (prompt,), task)[:VARIANTS]
