"""A candidate that an edit makes of a prompt, and which candidates are worth measuring."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.similarity import is_near
from promptbreeder.prompt import Prompt


@dataclass(frozen=True, slots=True)
class Variant:
    """What an edit made."""

    operator: str
    """The edit's name."""
    prompt: Prompt
    parents: tuple[str, ...] = ()
    """Content hashes of the prompts it was made from."""
    says_new: bool = False
    """The edit wrote a text; others move, cut or repeat what is there and on purpose keep nearly all its words."""


def admissible(variants: Iterable[Variant], known: Sequence[Prompt], task: Task) -> tuple[Variant, ...]:
    """Return those of `variants` that are within the skill's limits and not as good as known already.

    A text that is known may be longer than texts that a search writes: what is no longer than it is within the limits.
    A text that was written anew is as good as known where a prompt that is the same otherwise nearly says it.
    """
    seen = list(known)
    texts = [prompt.instruction for prompt in known]
    kept: list[Variant] = []
    for variant in variants:
        prompt = variant.prompt
        within = prompt.decoding in task.decodings and task.has_room_for(prompt.instruction, *texts)
        if not within or any(prompt == other for other in seen) or (variant.says_new and _is_said(prompt, seen)):
            continue
        kept.append(variant)
        seen.append(prompt)
    return tuple(kept)


def _is_said(prompt: Prompt, seen: Sequence[Prompt]) -> bool:
    alike = [other.instruction for other in seen if other.but(instruction=prompt.instruction) == prompt]
    return is_near(prompt.instruction, alike)
