"""How a request looks to the writer, and what becomes of its replies.

Written for writers as small as SmolLM2-135M, which chat about a bare request: the pattern is shown with worked pairs as
turns of their own, the assistant's turn is opened with its field name (and, in all drafts but the first, with a verb),
several drafts are sampled, and the first valid one is taken.
"""

from dataclasses import dataclass

from promptbreeder.evolution.asking import Step, write
from promptbreeder.evolution.asks import Draft
from promptbreeder.evolution.cleaning import clean
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.validation import Demands, objection
from promptbreeder.prompt import Message
from promptbreeder.text import defuse

_VERBS = ("Read", "Decide", "Choose", "Given", "Consider", "Determine", "Identify")
"""Verbs after which SmolLM2-135M was seen to stay with the task."""
_TEMPERATURE = 0.7
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


def _verb(recipe: Recipe, context: Context, sample: int) -> str:
    return context.rng.choice(_VERBS) if recipe.verbs and sample else ""


def _draft(recipe: Recipe, context: Context, verb: str, round_: int) -> Draft:
    turns: list[Message] = []
    for request, reply in recipe.pairs:
        turns += [Message("user", request), Message("assistant", f"{recipe.opening} {reply}")]
    return Draft(
        messages=(*turns, Message("user", defuse(recipe.request))),
        opening=f"{recipe.opening} {verb}".rstrip(),
        temperature=_TEMPERATURE + _WARMER * round_,
        seed=context.rng.getrandbits(31),
        max_tokens=context.profile.max_draft_tokens,
        stop=("\n",),
    )


def _accepted(verb: str, raw: str, recipe: Recipe, context: Context) -> str | None:
    context.tally.written += 1
    text = clean(f"{verb} {raw.lstrip()}" if verb and raw.strip() else raw)
    reason = objection(raw, text, context.task, recipe.demands)
    if reason is None:
        return text
    context.tally.reject(reason.value)
    return None
