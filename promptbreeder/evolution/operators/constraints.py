"""Sentences that pin the form and length of the reply, where tiny executors fail first: put in, taken out, changed."""

import re

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.phrases import PLACEHOLDER, segments, whole
from promptbreeder.evolution.similarity import is_near

LABEL_CONSTRAINTS = ("Answer with one word only.", "Reply with the label and nothing else.", "Do not explain.")
FREE_CONSTRAINTS = ("Reply with the answer and nothing else.", "Do not explain.", "Keep the answer short.")
_LENGTH = re.compile(
    r"Answer (?:with|in) (?:exactly |at most |at least |about )?(?:one|\d+)(?: to \d+)? (?:words?|characters)\."
)
_FILLERS = re.compile(r"\b(?:please|kindly|very|really|carefully|simply|just)\b,?\s*", re.IGNORECASE)


def form_constraints(task: Task) -> tuple[str, ...]:
    """Return the sentences that suit the task; a task without labels is told nothing of labels."""
    if not task.labels:
        return FREE_CONSTRAINTS
    one_word = all(len(label.split()) == 1 for label in task.labels)
    return LABEL_CONSTRAINTS if one_word else LABEL_CONSTRAINTS[1:]


def length_constraint(low: int, high: int, *, unit: str = "words", bound: str = "") -> str:
    """Return the sentence that asks for `low` to `high` units; with `bound` (`at most`, `at least`) for one number."""
    if bound:
        number = low if bound == "at least" else high
        return f"Answer with {bound} {number} {unit if number > 1 else unit.removesuffix('s')}."
    if high > low:
        return f"Answer with {low} to {high} {unit}."
    return f"Answer with exactly {low} {unit}." if low > 1 else "Answer with one word only."


def with_sentence(text: str, sentence: str) -> str:
    """Return `text` with one sentence more, at its end; in a template, whose end is the item's, at its head."""
    if PLACEHOLDER.search(text):
        return f"{sentence}\n{text}"
    space = "\n" if "\n" in text.strip() else " "
    return f"{text.strip()}{space}{sentence}".strip()


def without_constraints(text: str) -> str:
    """Return `text` without the sentences about form and length that this file knows."""
    for known in (*LABEL_CONSTRAINTS, *FREE_CONSTRAINTS):
        text = text.replace(known, "")
    return whole(segments(_LENGTH.sub("", text)))


def terser(text: str) -> str:
    """Return `text` without courtesy and emphasis, which tell a small model nothing."""
    short = _FILLERS.sub("", text).strip()
    return short[:1].upper() + short[1:]


def fuller(text: str, task: Task) -> str:
    """Return `text` with the task's description before it, unless it says much the same already."""
    said = [segment.text for segment in segments(text)]
    if is_near(task.description, [text, *said]) or PLACEHOLDER.search(task.description):
        return text
    return f"{task.description.strip()} {text}".strip()


def verbosity_changes(text: str, task: Task) -> tuple[tuple[str, str], ...]:
    """Return named texts that say the same more tersely or more fully, or under other constraints."""
    bare = without_constraints(text)
    stricter = tuple(
        ("constraint", with_sentence(bare, sentence)) for sentence in form_constraints(task) if sentence not in text
    )
    changed = (("no constraint", bare), ("terser", terser(text)), ("fuller", fuller(text, task)), *stricter)
    return tuple((name, new) for name, new in changed if new and new != text)
