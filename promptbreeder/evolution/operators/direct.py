"""Direct mutation (section 3.2.1): a new task-prompt from nothing but the task, or from one existing task-prompt."""

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.task_prompts import change, demands_of, rewritten, texts_of
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, Slot, task_prompt
from promptbreeder.evolution.writer import Recipe

_HINT_PAIRS = (
    (
        "Sort household waste into the right bin.\nA list of 100 hints:",
        "Ask yourself what the object is mostly made of, then name the bin for that material.",
    ),
)


def zero_order(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Ask for a list of hints about the task and take the first: fresh blood when a lineage has drifted off."""

    def recipe(slot: Slot) -> Recipe:
        pairs = tuple(part for pair in _HINT_PAIRS for part in pair)
        return Recipe(
            pairs=_HINT_PAIRS,
            request=f"{context.task.description}\nA list of 100 hints:",
            opening="1.",
            demands=demands_of(
                context, parent=plain(task_prompt(unit, slot)), rivals=texts_of(population, slot), request=pairs
            ),
        )

    return (yield from rewritten(unit, "zero-order", context, recipe))


def first_order(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Apply the unit's mutation-prompt to its task-prompts."""
    return (yield from applied(unit, population, context, unit.mutation_prompt, "first-order"))


def applied(unit: Unit, population: Population, context: Context, mutation_prompt: str, operator: str) -> Step[Unit]:
    """Apply `mutation_prompt` to the unit's task-prompts."""

    def recipe(slot: Slot) -> Recipe:
        parent = plain(task_prompt(unit, slot))
        demands = demands_of(context, parent=parent, rivals=texts_of(population, slot), request=(mutation_prompt,))
        return change(parent or context.task.description, mutation_prompt, demands)

    return (yield from rewritten(unit, operator, context, recipe))
