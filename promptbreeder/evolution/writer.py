"""How a request looks to the writer, and what becomes of its replies.

Written for writers as small as SmolLM2-135M, which chat about a bare request: the pattern is shown with worked pairs as
turns of their own, the assistant's turn is opened with its field name (and, in all drafts but the first, with a verb),
several drafts are sampled, and the first valid one is taken.
"""

from dataclasses import dataclass, replace

from promptbreeder.evolution.asking import Step, write
from promptbreeder.evolution.asks import Draft
from promptbreeder.evolution.cleaning import clean
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.validation import Demands, objection
from promptbreeder.prompt import Message
from promptbreeder.text import defuse

_VERBS = ("Read", "Decide", "Choose", "Given", "Consider", "Determine", "Identify")
"""Verbs after which SmolLM2-135M was seen to stay with the task."""
_WARMER = 0.15
"""Added per re-ask: what was refused is likely to come again otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One text wanted from the writer."""

    pairs: tuple[tuple[str, str], ...] = ()
    """Worked pairs of request and reply, of toy tasks of our own."""
    request: str
    opening: str
    demands: Demands
    verbs: bool = True
    """Further drafts may be opened with a verb."""
    last_field: str = ""
    """Stands before the wanted text where the reply has lines of working before it; such a reply has no verbs."""
    temperature: float = 0.7


def propose(recipe: Recipe, context: Context) -> Step[str | None]:
    """Return a valid new text, or None when the writer gave none in all rounds."""
    for round_ in range(context.profile.reasks + 1):
        verbs = tuple(_verb(recipe, context, sample) for sample in range(context.profile.samples))
        drafts = tuple(_draft(recipe, context, verb, round_) for verb in verbs)
        texts = yield from write(drafts)
        valid = [
            text for verb, raw in zip(verbs, texts, strict=True) if (text := _accepted(verb, raw, recipe, context))
        ]
        if valid:
            return valid[0]
    return None


def collect(recipe: Recipe, context: Context, wanted: int) -> Step[tuple[str, ...]]:
    """Return up to `wanted` valid new texts, no two of them alike, in as many rounds as `propose` has.

    The temperature stays the recipe's: it is high where many replies to one request are wanted.
    """
    found: tuple[str, ...] = ()
    for _ in range(context.profile.reasks + 1):
        verbs = tuple(_verb(recipe, context, sample) for sample in range(wanted - len(found)))
        texts = yield from write(tuple(_draft(recipe, context, verb, 0) for verb in verbs))
        for verb, raw in zip(verbs, texts, strict=True):
            demands = replace(recipe.demands, rivals=(*recipe.demands.rivals, *found))
            text = _accepted(verb, raw, replace(recipe, demands=demands), context)
            found = (*found, text) if text else found
        if len(found) == wanted:
            break
    return found


def _verb(recipe: Recipe, context: Context, sample: int) -> str:
    return context.rng.choice(_VERBS) if recipe.verbs and not recipe.last_field and sample else ""


def _draft(recipe: Recipe, context: Context, verb: str, round_: int) -> Draft:
    turns: list[Message] = []
    for request, reply in recipe.pairs:
        turns += [Message("user", request), Message("assistant", f"{recipe.opening} {reply}")]
    return Draft(
        messages=(*turns, Message("user", defuse(recipe.request))),
        opening=f"{recipe.opening} {verb}".rstrip(),
        temperature=recipe.temperature + _WARMER * round_,
        seed=context.rng.getrandbits(31),
        max_tokens=context.profile.max_draft_tokens,
        stop=() if recipe.last_field else ("\n",),
    )


def _accepted(verb: str, raw: str, recipe: Recipe, context: Context) -> str | None:
    context.tally.written += 1
    if recipe.last_field:
        # A reply that never came to its last step offers nothing.
        _, found, last = raw.rpartition(recipe.last_field)
        raw = last if found else ""
    text = clean(f"{verb} {raw.lstrip()}" if verb and raw.strip() else raw)
    reason = objection(raw, text, context.task, recipe.demands)
    if reason is None:
        return text
    context.tally.reject(reason.value)
    return None
