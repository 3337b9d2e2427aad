"""What the operators that go through a writer share: each of a unit's task-prompts is rewritten, in one batch."""

from collections.abc import Callable

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, Slot, child_of, slots, task_prompt
from promptbreeder.evolution.validation import Demands
from promptbreeder.evolution.writer import Recipe, propose

CHANGE_PAIRS = (
    (
        """\
Change: Say the same thing in fewer words.
Instruction: Please look at the recipe below and let us know which ingredients could be a problem with an allergy.""",
        "List the ingredients of this recipe that can cause an allergy.",
    ),
    (
        """\
Change: Say what to look for before deciding.
Instruction: Is this plant for sun or shade?""",
        "Look at the leaves and the soil that are mentioned, then decide whether the plant needs sun or shade.",
    ),
)
"""Two worked changes on toy tasks, so that a small writer sees what kind of text is wanted back."""


def rewritten(unit: Unit, operator: str, context: Context, recipe_for: Callable[[Slot], Recipe | None]) -> Step[Unit]:
    """Return a child of `unit` with each task-prompt replaced by what the writer makes of its recipe.

    With two task-prompts both are mutated (section 3.1). A task-prompt whose recipe is None, or for which the writer
    gives nothing valid, stays as it is.
    """
    recipes = [(slot, recipe) for slot in slots(unit.prompt) if (recipe := recipe_for(slot))]
    texts = yield from together([propose(recipe, context) for _, recipe in recipes])
    changes = {slot: text for (slot, _), text in zip(recipes, texts, strict=True) if text}
    return child_of(unit, operator, unit.prompt.but(**changes))


def change_request(text: str, mutation_prompt: str, thinking_style: str = "") -> str:
    """Return the request that applies a mutation-prompt to a text (section 3.1: `INSTRUCTION: ... MUTANT:`)."""
    style = f"Think: {thinking_style}\n" if thinking_style else ""
    return f"{style}Change: {mutation_prompt}\nInstruction: {text}"


def change(text: str, mutation_prompt: str, demands: Demands, thinking_style: str = "") -> Recipe:
    """Return the recipe for a task-prompt that a mutation-prompt makes out of `text`."""
    return Recipe(
        pairs=CHANGE_PAIRS,
        request=change_request(text, mutation_prompt, thinking_style),
        opening="New instruction:",
        demands=demands,
    )


def demands_of(
    context: Context, *, parent: str, rivals: tuple[str, ...] = (), request: tuple[str, ...] = ()
) -> Demands:
    """Return what a new task-prompt must be: no longer than allowed, new, and free of the request's own words."""
    pairs = tuple(part for pair in CHANGE_PAIRS for part in pair)
    return Demands(
        max_words=context.profile.max_task_prompt_words,
        on_topic=context.profile.on_topic,
        parent=parent,
        rivals=rivals,
        request=(*request, *pairs),
    )


def texts_of(population: Population, slot: Slot) -> tuple[str, ...]:
    """Return the population's task-prompts in one slot, as a writer may see them."""
    return tuple(plain(task_prompt(unit, slot)) for unit in population)
