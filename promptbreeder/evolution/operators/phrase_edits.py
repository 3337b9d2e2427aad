"""Edits of the task-prompt's phrases that need no writer (after GrIPS, arXiv 2203.07281)."""

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.phrases import PLACEHOLDER, join, split
from promptbreeder.evolution.population import Population, Slot, child_of, slots, task_prompt

LABEL_CONSTRAINTS = ("Answer with one word only.", "Reply with the label and nothing else.", "Do not explain.")
FREE_CONSTRAINTS = ("Reply with the answer and nothing else.", "Do not explain.", "Keep the answer short.")
"""Sentences that pin the form of the reply, where tiny executors fail first."""


def edit_phrases(unit: Unit, population: Population, context: Context) -> Unit:
    """Delete, swap or duplicate phrases, add a constraint, list the labels last, or say the instruction twice.

    Each task-prompt gets one edit of its own.
    """
    del population
    changes: dict[str, object] = {slot: _edited(task_prompt(unit, slot), slot, context) for slot in slots(unit.prompt)}
    return child_of(unit, "phrases", unit.prompt.but(**changes))


def with_labels_last(instruction: str, task: Task) -> str:
    """Return `instruction` with one sentence that lists the labels, at its end: what was read last weighs most."""
    listed = f"Answer with one of: {', '.join(task.labels)}."
    return f"{instruction.replace(listed, '').strip()} {listed}".strip()


def _edited(text: str, slot: Slot, context: Context) -> str:
    task, rng = context.task, context.rng
    phrases = split(text)
    # A phrase that marks the item's place is left alone: twice or not at all, the template would be broken.
    movable = [index for index, phrase in enumerate(phrases) if not PLACEHOLDER.search(phrase)]
    moves = ["add"]
    if len(movable) > 1:
        moves += ["delete", "swap"]
    if movable:
        moves += ["duplicate"]
    if task.labels and slot == "instruction":
        moves += ["labels", "labels"]
    if movable and len(movable) == len(phrases):
        moves += ["repeat"]
    edited = _moved(rng.choice(moves), text, phrases, movable, context)
    return edited if edited.strip() and len(edited) <= task.max_instruction_characters else text


def _moved(move: str, text: str, phrases: tuple[str, ...], movable: list[int], context: Context) -> str:
    row, rng = list(phrases), context.rng
    if move == "labels":
        return with_labels_last(text, context.task)
    if move == "repeat":
        return f"{text}\n\n{text}"
    if move == "delete":
        del row[rng.choice(movable)]
    elif move == "swap":
        one, other = rng.sample(movable, 2)
        row[one], row[other] = row[other], row[one]
    elif move == "duplicate":
        row.append(row[rng.choice(movable)])
    else:
        constraints = LABEL_CONSTRAINTS if context.task.labels else FREE_CONSTRAINTS
        row.append(rng.choice([constraint for constraint in constraints if constraint not in text] or constraints))
    return join(tuple(row))
