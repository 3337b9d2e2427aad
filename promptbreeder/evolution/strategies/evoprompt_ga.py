"""EvoPrompt with a genetic algorithm (Guo et al., arXiv 2309.08532, section 3.2).

Two parents are drawn by roulette, the writer crosses them and mutates the result in one request, and the fittest of
parents and children live on. The writer sees texts only; demonstrations, layout and decoding are the first parent's.

What this file does not do: choose the winner (see `measuring`), and keep to the paper's wording of the request.
"""

from random import Random

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step, arrivals
from promptbreeder.evolution.asks import Strategy, Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.evoprompt_profiles import EvoPromptProfile
from promptbreeder.evolution.initial import initial_population
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.measuring import batch_of, complete, first_look, measured_further, ranked
from promptbreeder.evolution.operators.modelfree import all_renewed
from promptbreeder.evolution.operators.task_prompts import change, demands_of, texts_of
from promptbreeder.evolution.phrases import plain
from promptbreeder.evolution.population import Population, child_of, roulette
from promptbreeder.evolution.similarity import is_near
from promptbreeder.evolution.telling import immigrant, joined, report
from promptbreeder.evolution.writer import Recipe, propose

NAME = "evoprompt-ga"
_STEPS = """\
Do this in two steps.
Crossed: cross A and B, taking something from each, to make one new instruction for the task.
Final: mutate the crossed instruction, so that it says its thing in another way."""
_STEP_PAIRS = (
    (
        f"""\
Task: Name the care that a house plant needs.
A: Is this plant for sun or shade?
B: Look at the leaves that are mentioned, then decide.
{_STEPS}""",
        """\
Look at the leaves that are mentioned, then decide between sun and shade.
Final: Judge by its leaves whether the plant belongs in the sun or in the shade.""",
    ),
)
_MIX = "Mix A and B, and say it in other words."
_MIX_PAIRS = (
    (
        f"A: Is this plant for sun or shade?\nB: Look at the leaves that are mentioned, then decide.\n{_MIX}",
        "Judge by its leaves whether the plant belongs in the sun or in the shade.",
    ),
    (
        f"A: List what can cause an allergy.\nB: Read the recipe and name its ingredients.\n{_MIX}",
        "Read the recipe and pick out each ingredient that people may be allergic to.",
    ),
)


def evoprompt_ga(task: Task, rng: Random, profile: EvoPromptProfile) -> Strategy:
    """Evolve a population by roulette, crossover with mutation, and survival of the fittest."""
    context, ledger = Context(task, rng, profile), Ledger(task.blocks)
    units = yield from initial_population(context, profile.population)
    units = yield from first_look(units, profile.population, context, ledger)
    yield from report(0, units, context)
    for number in range(1, profile.generations + 1):
        units = joined(units, (yield from arrivals()), immigrant, ledger)
        children = yield from together([_child(units, profile, context) for _ in range(profile.population)])
        units = (*units, *all_renewed(children, units, context))
        # Told before anything of it is measured: whatever wins, where it comes from is on record.
        yield from report(number, units, context)
        yield from ledger.measure([unit.prompt for unit in units], batch_of(context))
        # 3.2 Update: the N fittest of parents and children.
        units = ranked(units, ledger)[: profile.population]
        yield from measured_further(number, units, profile, ledger)
        units = ranked(units, ledger)
    yield from complete(units[: profile.final_candidates], ledger)
    yield from report(profile.generations, ranked(units, ledger), context)


def _child(units: Population, profile: EvoPromptProfile, context: Context) -> Step[Unit]:
    # 3.2 Selection: roulette, p = fitness / sum of all fitness; a prompt is not crossed with itself.
    first = roulette(units, context.rng)
    second = roulette([unit for unit in units if unit.prompt != first.prompt] or [first], context.rng)
    text = yield from propose(_recipe(first, second, units, profile, context), context)
    child = child_of(first, NAME, first.prompt.but(instruction=text) if text else first.prompt)
    return child.model_copy(update={"parents": (first.prompt.content_hash, second.prompt.content_hash)})


def _recipe(first: Unit, second: Unit, units: Population, profile: EvoPromptProfile, context: Context) -> Recipe:
    description, rivals = context.task.description, texts_of(units, "instruction")
    one, other = (plain(unit.prompt.instruction) or description for unit in (first, second))
    if is_near(one, [other]):
        # Nothing to cross (at the start, prompts may differ in demonstrations only): the mutation alone.
        mutation_prompt = context.rng.choice(seeds.mutation_prompts())
        return change(one, mutation_prompt, demands_of(context, parent=one, rivals=rivals, request=(mutation_prompt,)))
    pairs = _STEP_PAIRS if profile.stepwise else _MIX_PAIRS
    demands = demands_of(context, parent=one, rivals=rivals, request=tuple(part for pair in pairs for part in pair))
    if profile.stepwise:
        request = f"Task: {description}\nA: {one}\nB: {other}\n{_STEPS}"
        return Recipe(pairs=pairs, request=request, opening="Crossed:", last_field="Final:", demands=demands)
    return Recipe(pairs=pairs, request=f"A: {one}\nB: {other}\n{_MIX}", opening="New instruction:", demands=demands)
