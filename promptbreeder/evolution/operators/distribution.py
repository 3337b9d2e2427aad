"""Estimation of distribution (section 3.2.2): the writer continues a list of what a population or a lineage holds."""

from collections.abc import Sequence

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.task_prompts import demands_of, rewritten, texts_of
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, Slot, ranking, task_prompt
from promptbreeder.evolution.similarity import distinct
from promptbreeder.evolution.validation import Demands
from promptbreeder.evolution.writer import Recipe

_SHORTEST_LIST = 2
"""A list of one shows no pattern that could be continued."""


def eda(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Continue the list of the population's task-prompts, in random order and without their fitness."""
    mixed = context.rng.sample(population, len(population))

    def recipe(slot: Slot) -> Recipe | None:
        texts = distinct(texts_of(tuple(mixed), slot))[: context.profile.listed]
        heading = f"Task: {context.task.description}\nContinue this list of instructions for the task."
        return _continued(heading, texts, _demands(unit, slot, heading, population, context))

    return (yield from rewritten(unit, "eda", context, recipe))


def eda_rank(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Continue the list ordered by ascending fitness, under a heading that says descending.

    The lie is the paper's: told the truth, a model copies the entry called best; told that the list descends, it writes
    something near the last entries, which are the good ones, and stays diverse.
    """
    best_first = ranking([member for member in population if member.score])

    def recipe(slot: Slot) -> Recipe | None:
        texts = distinct(texts_of(best_first, slot))[: context.profile.listed][::-1]
        last = len(texts) + 1
        heading = (
            f"Change: {unit.mutation_prompt}\nTask: {context.task.description}\n"
            f"Instructions for the task in descending order of score. Number {last} is the best one. "
            f"It is closer to number {last - 1} than to number 1."
        )
        return _continued(heading, texts, _demands(unit, slot, heading, population, context))

    return (yield from rewritten(unit, "eda-rank", context, recipe))


def lineage(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Continue the history of this unit's elites, oldest first.

    Elites are kept of the first task-prompt; a second one has no history and stays.
    """

    def recipe(slot: Slot) -> Recipe | None:
        elites = unit.elites if slot == "instruction" else ()
        texts = distinct([plain(text) for text in elites])[-context.profile.listed :]
        heading = f"Task: {context.task.description}\nInstructions found for the task, each better than the one before."
        return _continued(heading, texts, _demands(unit, slot, heading, population, context))

    return (yield from rewritten(unit, "lineage", context, recipe))


def _continued(heading: str, texts: Sequence[str], demands: Demands) -> Recipe | None:
    if len(texts) < _SHORTEST_LIST:
        return None
    listed = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, 1))
    return Recipe(request=f"{heading}\n{listed}", opening=f"{len(texts) + 1}.", demands=demands)


def _demands(unit: Unit, slot: Slot, heading: str, population: Population, context: Context) -> Demands:
    # A lineage's earlier elites may have left the population; coming back to one of them is no news either.
    rivals = distinct((*texts_of(population, slot), *(plain(text) for text in unit.elites)))
    request = (heading.replace(context.task.description, ""),)
    return demands_of(context, parent=plain(task_prompt(unit, slot)), rivals=rivals, request=request)
