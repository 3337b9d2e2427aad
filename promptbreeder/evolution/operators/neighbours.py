"""What is one edit away from a prompt, by family; nothing here asks a model for anything."""

from collections.abc import Callable
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.constraints import verbosity_changes
from promptbreeder.evolution.operators.demonstrations import (
    draw,
    dropped,
    even_sizes,
    few_shot,
    permuted,
    replaced,
    usable,
)
from promptbreeder.evolution.operators.format_grammar import one_choice_away
from promptbreeder.evolution.operators.phrase_edits import (
    add_phrase,
    delete_phrase,
    duplicate_phrase,
    say_twice,
    swap_phrases,
)
from promptbreeder.evolution.variant import Variant
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Decoding, Prompt, strictest

Family = Callable[[Prompt, Task, Random, int], tuple[Variant, ...]]
"""From a prompt, the task, randomness and the longest list of demonstrations to the variants, the most hopeful first
where their order is fixed."""


def openings(prompt: Prompt, task: Task, rng: Random, most: int) -> tuple[Variant, ...]:
    """Vary only demonstrations and decoding: that is most of what a tiny model can gain.

    Demonstrations are tried under the decoding that takes label bias out, where the skill allows it.
    """
    best = strictest(map(Decoding, task.decodings))
    sizes = even_sizes(task, most) if usable(task) else ()
    # Some and many; then other draws of the same, since which examples are shown matters as much as how many.
    shown = [sizes[(len(sizes) - 1) // 2], sizes[-1]] * 2 if sizes else []
    few = [("few-shot", prompt.but(demonstrations=few_shot(task, size, rng), decoding=best)) for size in shown]
    decoded = [("decoding", prompt.but(decoding=Decoding(value))) for value in task.decodings[::-1]]
    return _variants(prompt, [*decoded[:1], *few[:2], *decoded[1:], *few[2:]])


def examples(prompt: Prompt, task: Task, rng: Random, most: int) -> tuple[Variant, ...]:
    """Add, drop, permute and replace demonstrations, or draw a new list."""
    shots, step = prompt.demonstrations, len(task.labels) or 1
    lists = [("new examples", few_shot(task, rng.choice(even_sizes(task, most)), rng)) for _ in range(2)]
    if shots:
        lists += [("new examples", few_shot(task, len(shots), rng)) for _ in range(2)]
        lists += [("replace example", replaced(shots, task, rng)) for _ in range(2)]
        lists += [("permute examples", permuted(shots, rng)), ("drop example", dropped(shots, rng))]
    if len(shots) + step <= max(most, step):
        # One more of each label, so that the list stays balanced.
        lists.append(("add examples", (*shots, *draw(task, step, rng, shown=shots))))
    return _variants(prompt, [(name, prompt.but(demonstrations=changed)) for name, changed in lists])


def formats(prompt: Prompt, task: Task, rng: Random, most: int) -> tuple[Variant, ...]:
    """Make one other choice in the grammar of formats, or decode in another way."""
    del most
    decoded = [("decoding", prompt.but(decoding=Decoding(value))) for value in task.decodings]
    return _variants(prompt, [*one_choice_away(prompt, task, rng), *decoded])


def wordings(prompt: Prompt, task: Task, rng: Random, most: int) -> tuple[Variant, ...]:
    """Delete, swap, duplicate or add a phrase, say the instruction twice, change constraints and verbosity."""
    del most
    text = prompt.instruction
    stock = [*(seed.instruction for seed in task.seeds), task.description]
    texts = [
        ("delete phrase", delete_phrase(text, rng)),
        ("swap phrases", swap_phrases(text, rng)),
        ("duplicate phrase", duplicate_phrase(text, rng)),
        ("add phrase", add_phrase(text, stock, rng)),
        ("repeat", say_twice(text)),
        *verbosity_changes(text, task),
    ]
    possible = [(name, new) for name, new in texts if new.strip() and len(new) <= MAX_PROMPT_CHARACTERS]
    return _variants(prompt, [(name, prompt.but(instruction=new)) for name, new in possible])


FAMILIES: dict[str, Family] = {
    "openings": openings,
    "examples": examples,
    "formats": formats,
    "wordings": wordings,
}


def _variants(parent: Prompt, made: list[tuple[str, Prompt]]) -> tuple[Variant, ...]:
    return tuple(Variant(name, prompt, (parent.content_hash,)) for name, prompt in made if prompt != parent)
