"""Edits of the task-prompt's phrases that need no writer (after GrIPS, arXiv 2203.07281).

GrIPS' fourth edit, paraphrase, needs a model and is left out. Each edit is a function of a text; where there is nothing
to edit it returns the text as it is.
"""

from collections.abc import Sequence
from random import Random

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.constraints import FREE_CONSTRAINTS, LABEL_CONSTRAINTS, with_sentence
from promptbreeder.evolution.phrases import PLACEHOLDER, Segment, movable, segments, split, whole
from promptbreeder.evolution.population import Population, Slot, child_of, slots, task_prompt
from promptbreeder.evolution.similarity import is_near


def edit_phrases(unit: Unit, population: Population, context: Context) -> Unit:
    """Delete, swap or duplicate phrases, add a constraint, list the labels last, or say the instruction twice.

    Each task-prompt gets one edit of its own.
    """
    del population
    changes: dict[str, object] = {slot: _edited(task_prompt(unit, slot), slot, context) for slot in slots(unit.prompt)}
    return child_of(unit, "phrases", unit.prompt.but(**changes))


def delete_phrase(text: str, rng: Random) -> str:
    """Return `text` without one of its phrases, never without all."""
    row = segments(text)
    return without(row, (rng.choice(movable(row)),)) if len(row) > 1 and movable(row) else text


def swap_phrases(text: str, rng: Random) -> str:
    """Return `text` with two phrases in each other's place."""
    row = list(segments(text))
    if len(movable(row)) < 2:  # noqa: PLR2004  a swap needs two
        return text
    one, other = rng.sample(movable(row), 2)
    row[one], row[other] = row[one]._replace(text=row[other].text), row[other]._replace(text=row[one].text)
    return whole(row)


def duplicate_phrase(text: str, rng: Random) -> str:
    """Return `text` with one of its phrases once more at the end: what was read last weighs most."""
    row = segments(text)
    return whole((*row, Segment(row[rng.choice(movable(row))].text, ""))) if movable(row) else text


def add_phrase(text: str, stock: Sequence[str], rng: Random) -> str:
    """Return `text` with a phrase of `stock` that it lacks, at a random place.

    GrIPS adds what earlier edits have deleted; so `stock` holds the texts that the search started from.
    """
    row = segments(text)
    said = [segment.text for segment in row]
    # The parts of a template are fields, which say nothing elsewhere.
    phrases = [phrase for source in stock if not PLACEHOLDER.search(source) for phrase in split(source)]
    lacking = [phrase for phrase in dict.fromkeys(phrases) if not is_near(phrase, said)]
    if not lacking:
        return text
    place = rng.randint(0, len(row))
    return whole((*row[:place], Segment(rng.choice(lacking), " "), *row[place:]))


def say_twice(text: str) -> str:
    """Return the instruction said twice; a template stays as it is, since it has one place for the item."""
    return text if PLACEHOLDER.search(text) or not text.strip() else f"{text}\n\n{text}"


def with_labels_last(instruction: str, task: Task, labels: Sequence[str] = ()) -> str:
    """Return `instruction` with one sentence that lists the labels, at its end: what was read last weighs most.

    In a template, whose end is the item's, it is at the head. `labels` gives another order than the task's; an earlier
    list, in whichever order, is taken out.
    """
    return with_sentence(without_label_list(instruction, task), f"{_LISTED}{', '.join(labels or task.labels)}.")


def without_label_list(instruction: str, task: Task) -> str:
    """Return `instruction` without the sentences that list all labels."""
    text = instruction
    for listed in _label_lists(instruction, task):
        text = text.replace(listed, "")
    return text.strip()


def listed_labels(instruction: str, task: Task) -> tuple[str, ...]:
    """Return the labels in the order in which the instruction's list has them; nothing where there is no list."""
    for listed in _label_lists(instruction, task):
        inside = f", {listed.removeprefix(_LISTED).removesuffix('.')},"
        return tuple(sorted(task.labels, key=lambda label: inside.index(f", {label},")))
    return ()


def without(row: Sequence[Segment], places: Sequence[int]) -> str:
    """Return the text of `row` without the segments at `places`; nothing else changes."""
    return whole([segment for place, segment in enumerate(row) if place not in places])


_LISTED = "Answer with one of: "


def _label_lists(instruction: str, task: Task) -> list[str]:
    """Return the sentences in `instruction` that list all labels, as they stand there."""
    found = []
    length = len(_LISTED) + len(", ".join(task.labels)) + 1
    start = instruction.find(_LISTED)
    while start != -1:
        listed = instruction[start : start + length]
        inside = f", {listed.removeprefix(_LISTED).removesuffix('.')},"
        if listed.endswith(".") and all(f", {label}," in inside for label in task.labels):
            found.append(listed)
        start = instruction.find(_LISTED, start + 1)
    return found


def _edited(text: str, slot: Slot, context: Context) -> str:
    task, rng = context.task, context.rng
    row = segments(text)
    places = movable(row)
    moves = ["add"]
    # In a template the place of a phrase says what it is: a field's name stands before the field.
    is_template = PLACEHOLDER.search(text) is not None
    if len(places) > 1:
        moves += ["delete"] if is_template else ["delete", "swap"]
    if places and not is_template:
        moves += ["duplicate"]
    if task.labels and slot == "instruction":
        moves += ["labels", "labels"]
    if places and len(places) == len(row):
        moves += ["repeat"]
    edited = _moved(rng.choice(moves), text, context)
    return edited if edited.strip() and task.has_room_for(edited, text) else text


def _moved(move: str, text: str, context: Context) -> str:
    rng = context.rng
    if move == "labels":
        return with_labels_last(text, context.task)
    if move == "repeat":
        return say_twice(text)
    if move == "delete":
        return delete_phrase(text, rng)
    if move == "swap":
        return swap_phrases(text, rng)
    if move == "duplicate":
        return duplicate_phrase(text, rng)
    constraints = LABEL_CONSTRAINTS if context.task.labels else FREE_CONSTRAINTS
    return with_sentence(text, rng.choice([known for known in constraints if known not in text] or constraints))
