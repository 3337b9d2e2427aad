"""Five mutations for small models, each tried where the executor's own answers call for it, each with its template.

Where such mutations usually ask a writer, here the templates are filled with facts of the train examples: labels,
words that tell of them, lengths and forms of answers, what was taken for what. So no word of a request can leak.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.diagnosis import (
    Diagnosis,
    is_badly_bounded,
    is_misunderstood,
    is_nearly_good,
    is_vague,
)
from promptbreeder.evolution.facts import answers, forms, telling_words, usual_characters, usual_words
from promptbreeder.evolution.operators.constraints import (
    form_constraints,
    length_constraint,
    with_sentence,
    without_constraints,
)
from promptbreeder.evolution.operators.demonstrations import even_sizes, few_shot, usable
from promptbreeder.evolution.phrases import PLACEHOLDER, join, split
from promptbreeder.evolution.similarity import distinct
from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, Prompt

_TELLING_WORDS = (4, 2, 0)
"""Words a label is described by; fewer where the text would grow too long."""
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt and what its failures look like."""

    prompt: Prompt
    task: Task
    found: Diagnosis


@dataclass(frozen=True, slots=True)
class Remedy:
    """When to use a mutation, and the mutation, which may still find nothing to say (None)."""

    when: Callable[[Case], bool]
    change: Callable[[Case, Random], Prompt | None]


def add_structure(case: Case, rng: Random) -> Prompt | None:
    """Spell the steps out, with all labels and the words that tell of them, or with the answer's length and form."""
    del rng
    texts = (_structured(case, words) for words in _TELLING_WORDS)
    text = next((text for text in texts if case.task.has_room_for(text, case.prompt.instruction)), None)
    return None if text is None else case.prompt.but(instruction=text)


def refine(case: Case, rng: Random) -> Prompt | None:
    """Keep the idea and say one thing more precisely: the labels taken for one another, or the answer's form."""
    del rng
    sentence = _distinction(case) if case.task.labels else _unsaid_form(case)
    if not sentence or sentence in case.prompt.instruction:
        return None
    return _said(case.prompt, with_sentence(case.prompt.instruction, sentence))


def add_examples(case: Case, rng: Random) -> Prompt | None:
    """Show a few examples, those that were answered wrongly first."""
    if case.prompt.demonstrations:
        return None
    wrong = [case.task.train[item].input for item in case.found.wrong]
    hard = [shot for shot in usable(case.task) if shot.input in wrong]
    size = even_sizes(case.task, _EXAMPLES)[-1]
    shots = few_shot(case.task, size, rng, first=hard)
    return case.prompt.but(demonstrations=shots) if shots else None


def change_constraints(case: Case, rng: Random) -> Prompt | None:
    """Exchange what is said about length and form for what the expected answers have."""
    del rng
    sentence = _bound(case)
    if sentence in case.prompt.instruction:
        return None
    return _said(case.prompt, with_sentence(without_constraints(case.prompt.instruction), sentence))


def merge(left: Prompt, right: Prompt) -> Prompt | None:
    """Return `left` with those phrases of `right` that it does not say in nearly the same words.

    Demonstrations, format and decoding are the left's, the better one's. Templates cannot be merged.
    """
    if PLACEHOLDER.search(left.instruction) or PLACEHOLDER.search(right.instruction):
        return None
    own = split(left.instruction)
    merged = distinct((*own, *split(right.instruction)))
    new = merged[len(distinct(own)) :]
    text = left.instruction
    for phrase in new:
        text = with_sentence(text, phrase)
    return _said(left, text) if new and text != join(split(right.instruction)) else None


REMEDIES: dict[str, Remedy] = {
    "add structure": Remedy(lambda case: is_vague(case.prompt, case.task, case.found), add_structure),
    "refine": Remedy(lambda case: is_nearly_good(case.found), refine),
    "add examples": Remedy(lambda case: is_misunderstood(case.found), add_examples),
    "change constraints": Remedy(lambda case: is_badly_bounded(case.found), change_constraints),
}
"""The remedies for one prompt; `merge` is for two, where `diagnosis.are_complementary`."""


def _said(prompt: Prompt, text: str) -> Prompt | None:
    """Return `prompt` with another instruction, or None where that has no room."""
    return prompt.but(instruction=text) if len(text) <= MAX_PROMPT_CHARACTERS else None


def _structured(case: Case, most: int) -> str:
    task, text = case.task, case.prompt.instruction.strip()
    if task.labels:
        told = telling_words(task, most)
        listed = [f"- {label}: {', '.join(told[label])}" if told[label] else f"- {label}" for label in task.labels]
        steps = ["1. Read to the end.", "2. Choose what fits best:", *listed, "3. Write that one only."]
    else:
        steps = ["1. Read to the end.", "2. Write the answer only.", *(f"- {form}" for form in _length_and_form(task))]
    # A template's last line is the item's, so the steps go before it.
    return "\n".join([*steps, text] if PLACEHOLDER.search(text) else [text, *steps] if text else steps)


def _length_and_form(task: Task) -> list[str]:
    low, high = usual_words(task)
    return [*([length_constraint(low, high)] if high else []), *forms(task)]


def _distinction(case: Case) -> str:
    if not case.found.confusions:
        return ""
    expected, answered = case.found.confusions[0]
    told = telling_words(case.task, _TELLING_WORDS[0])
    mine, theirs = (", ".join(told.get(label, ())) for label in (expected, answered))
    if mine and theirs:
        return f"Words like {mine} point to {expected}, words like {theirs} to {answered}."
    return f"Take care to tell {expected} from {answered}."


def _unsaid_form(case: Case) -> str:
    return next((s for s in _length_and_form(case.task) if s not in case.prompt.instruction), "")


def _bound(case: Case) -> str:
    task, found = case.task, case.found
    if task.labels:
        return f"Answer with exactly one of these and nothing else: {', '.join(task.labels)}."
    if not answers(task) or found.unparsable > max(found.too_long, found.too_short):
        return next(iter(forms(task)), form_constraints(task)[0])
    low, high = usual_words(task)
    if found.too_long >= found.too_short:
        return length_constraint(1, high, bound="at most") if high > 1 else length_constraint(1, 1)
    # A single long word, such as a file name, is measured in characters.
    low, unit = (low, "words") if high > 1 else (usual_characters(task)[0], "characters")
    return length_constraint(low, low, unit=unit, bound="at least")
