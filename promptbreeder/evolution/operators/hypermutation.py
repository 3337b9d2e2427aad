"""Hypermutation (section 3.2.3): the way of mutating is itself mutated, tried at once, and inherited."""

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.operators.direct import applied
from promptbreeder.evolution.population import Population
from promptbreeder.evolution.validation import Demands
from promptbreeder.evolution.writer import Recipe, propose

_OPENING = "Better change:"
_PAIRS = (
    (
        """\
Summarise and improve this change to a text.
Change: Make the text a bit nicer and also clearer, and shorter if that is possible somehow.""",
        "Make the text clear, friendly and short.",
    ),
)
_ZERO_ORDER_PAIRS = (
    (
        """\
Task: Tell edible mushrooms from poisonous ones.
Think: Which mistake is the worst one?
Name one change that would improve an instruction for this task.""",
        "Warn of the mistake that would do the most harm, and say how to avoid it.",
    ),
)


def zero_order_hyper(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Make a new mutation-prompt from the task and a random thinking style, and apply it."""
    style = context.rng.choice(seeds.thinking_styles())
    request = (
        f"Task: {context.task.description}\nThink: {style}\n"
        "Name one change that would improve an instruction for this task."
    )
    recipe = _recipe(unit, context, request, _ZERO_ORDER_PAIRS, (style, context.task.description))
    return (yield from _tried(unit, population, context, recipe, "zero-order-hyper"))


def first_order_hyper(unit: Unit, population: Population, context: Context) -> Step[Unit]:
    """Have the unit's mutation-prompt summarised and improved, and apply the result."""
    request = f"Summarise and improve this change to a text.\nChange: {unit.mutation_prompt}"
    recipe = _recipe(unit, context, request, _PAIRS, (context.task.description,))
    return (yield from _tried(unit, population, context, recipe, "first-order-hyper"))


def _recipe(
    unit: Unit, context: Context, request: str, pairs: tuple[tuple[str, str], ...], given: tuple[str, ...]
) -> Recipe:
    return Recipe(
        pairs=pairs,
        request=request,
        opening=_OPENING,
        verbs=False,
        demands=Demands(
            max_words=context.profile.max_mutation_prompt_words,
            about_texts=True,
            parent=unit.mutation_prompt,
            request=(*given, *(part for pair in pairs for part in pair)),
        ),
    )


def _tried(unit: Unit, population: Population, context: Context, recipe: Recipe, operator: str) -> Step[Unit]:
    # Without a usable reply, a mutation-prompt of the initial stock is at least another one.
    mutation_prompt = (yield from propose(recipe, context)) or context.rng.choice(seeds.mutation_prompts())
    child = yield from applied(unit, population, context, mutation_prompt, operator)
    return child.model_copy(update={"mutation_prompt": mutation_prompt})
