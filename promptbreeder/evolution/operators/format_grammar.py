"""The format as a grammar, and the prompts that are one choice away (FormatSpread, arXiv 2310.11324).

Of the paper's grammar the genome has separators, casing and names of the fields, and the place of the demonstrations;
to these come the place of the instruction and the order in which it lists the labels. Nothing else of a prompt changes.
"""

from collections.abc import Callable
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.operators.layout import visible
from promptbreeder.evolution.operators.phrase_edits import listed_labels, with_labels_last
from promptbreeder.evolution.phrases import PLACEHOLDER
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Prompt

CASINGS: tuple[Callable[[str], str], ...] = (str.capitalize, str.lower, str.upper)
_NAMES = ("input_name", "output_name")


def one_choice_away(prompt: Prompt, task: Task, rng: Random) -> tuple[tuple[str, Prompt], ...]:
    """Return every prompt that differs in one feature of its format, under the feature's name.

    A template keeps its own layout, so that only the layout of its demonstrations can be chosen.
    """
    found = [*_features(prompt, task), *_casings(prompt)]
    if PLACEHOLDER.search(prompt.instruction):
        unlike = prompt.render("x")
        return tuple((name, other) for name, other in found if other.render("x") != unlike)
    return (*found, *_label_orders(prompt, task, rng))


def _features(prompt: Prompt, task: Task) -> list[tuple[str, Prompt]]:
    style = prompt.format
    return [
        (feature.replace("_", " "), prompt.but(format=style.model_copy(update={feature: value})))
        for feature, values in visible(prompt, task).items()
        for value in values
        # Another casing of the same name is the next choice, not this one.
        if str(value).casefold() != str(getattr(style, feature)).casefold()
    ]


def _casings(prompt: Prompt) -> list[tuple[str, Prompt]]:
    """Return the prompt with its field names in each other casing, all names alike."""
    style = prompt.format
    cased = [style.model_copy(update={name: case(getattr(style, name)) for name in _NAMES}) for case in CASINGS]
    return [("casing", prompt.but(format=other)) for other in cased if other != style]


def _label_orders(prompt: Prompt, task: Task, rng: Random) -> list[tuple[str, Prompt]]:
    """Return the prompt with its labels listed last: in the skill's order, turned round, and in a random order."""
    if not task.labels:
        return []
    now = listed_labels(prompt.instruction, task)
    orders = (task.labels, task.labels[::-1], tuple(rng.sample(task.labels, len(task.labels))))
    texts = [with_labels_last(prompt.instruction, task, order) for order in dict.fromkeys(orders) if order != now]
    return [
        ("label order" if now else "labels last", prompt.but(instruction=text))
        for text in texts
        if len(text) <= MAX_PROMPT_CHARACTERS
    ]
