"""EvoPrompt with differential evolution (Guo et al., arXiv 2309.08532, section 3.3).

Each current prompt has one child: the parts in which two random others differ are mutated, combined with the best
prompt, and crossed with the current one. The child replaces its own parent, and only that, if it scores better.

A large writer is told all four steps in one request. A small one only rewords a phrase in which the two differ; the
other steps are then done phrase by phrase without a model (see `operators.differential`), on demonstrations, layout
and decoding too.
"""

from random import Random

from promptbreeder.evolution.asking import Step, arrivals
from promptbreeder.evolution.asks import Strategy, Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.evoprompt_profiles import EvoPromptProfile
from promptbreeder.evolution.initial import initial_population
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.measuring import batch_of, complete, first_look, measured_further, ranked
from promptbreeder.evolution.operators.differential import crossed, genes_crossed, mutated_difference, two_others
from promptbreeder.evolution.operators.modelfree import all_renewed
from promptbreeder.evolution.operators.task_prompts import demands_of, texts_of
from promptbreeder.evolution.phrases import PLACEHOLDER, plain, split
from promptbreeder.evolution.population import Population, child_of
from promptbreeder.evolution.telling import immigrant, joined, report
from promptbreeder.evolution.writer import Recipe, propose
from promptbreeder.prompt import Prompt

NAME = "evoprompt-de"
_STEPS = """\
Do this in four steps.
Different: list the parts in which A and B differ.
Changed: mutate each of these parts at random.
Combined: put the changed parts into Best, each in place of a part of it.
Final: cross the combined instruction with Current to make one new instruction for the task."""
_PAIRS = (
    (
        f"""\
Task: Name the care that a house plant needs.
A: Is this plant for sun or shade?
B: Is this plant for a dry or a moist place?
Best: Look at the leaves, then name what the plant needs.
Current: Tell a gardener how to treat this plant.
{_STEPS}""",
        """\
"sun or shade" and "a dry or a moist place"
Changed: "a bright or a dark corner" and "little or much water"
Combined: Look at the leaves, then name a bright or a dark corner and little or much water.
Final: Look at the leaves, then tell a gardener how bright a corner and how much water the plant wants.""",
    ),
)


def evoprompt_de(task: Task, rng: Random, profile: EvoPromptProfile) -> Strategy:
    """Evolve each member of a population against its own child."""
    context, ledger = Context(task, rng, profile), Ledger(task.blocks)
    units = yield from initial_population(context, profile.population)
    units = yield from first_look(units, profile.population, context, ledger)
    yield from report(0, units, context)
    for number in range(1, profile.generations + 1):
        units = joined(units, (yield from arrivals()), immigrant, ledger)
        best = ranked(units, ledger)[0]
        make = _stepwise_child if profile.stepwise else _phrasewise_child
        children = yield from together([make(unit, best, units, context) for unit in units])
        children = all_renewed(children, units, context)
        # Told before anything of it is measured: whatever wins, where it comes from is on record.
        yield from report(number, (*units, *children), context)
        yield from ledger.measure([unit.prompt for unit in (*units, *children)], batch_of(context))
        # 3.3 Update: a child competes with its own parent.
        units = tuple(
            child if ledger.advantage(child.prompt, parent.prompt) > 0 else parent
            for parent, child in zip(units, children, strict=True)
        )
        yield from measured_further(number, units, profile, ledger)
        units = tuple(ledger.noted(unit) for unit in units)
    yield from complete(ranked(units, ledger)[: profile.final_candidates], ledger)
    yield from report(profile.generations, ranked(units, ledger), context)


def _stepwise_child(unit: Unit, best: Unit, units: Population, context: Context) -> Step[Unit]:
    two = two_others(unit, units, context)
    if two is None:
        return child_of(unit, NAME, unit.prompt)
    description = context.task.description
    current, left, right, leader = (plain(member.prompt.instruction) or description for member in (unit, *two, best))
    recipe = Recipe(
        pairs=_PAIRS,
        request=f"Task: {description}\nA: {left}\nB: {right}\nBest: {leader}\nCurrent: {current}\n{_STEPS}",
        opening="Different:",
        last_field="Final:",
        demands=demands_of(
            context,
            parent=current,
            rivals=texts_of(units, "instruction"),
            request=tuple(part for pair in _PAIRS for part in pair),
        ),
    )
    text = yield from propose(recipe, context)
    return _bred(unit, unit.prompt.but(instruction=text) if text else unit.prompt, (*two, best))


def _phrasewise_child(unit: Unit, best: Unit, units: Population, context: Context) -> Step[Unit]:
    two = two_others(unit, units, context)
    if two is None:
        return child_of(unit, NAME, unit.prompt)
    left, right = two
    prompt = genes_crossed(unit.prompt, left.prompt, right.prompt, context)
    if not PLACEHOLDER.search(unit.prompt.instruction):
        mutated = yield from mutated_difference(left, right, context)
        combined = crossed(plain(best.prompt.instruction), tuple(mutated.values()), context)
        text = crossed(unit.prompt.instruction, split(combined), context)
        prompt = prompt.but(instruction=text)
    return _bred(unit, prompt, (*two, best))


def _bred(unit: Unit, prompt: Prompt, others: tuple[Unit, ...]) -> Unit:
    parents = dict.fromkeys(member.prompt.content_hash for member in (unit, *others))
    return child_of(unit, NAME, prompt).model_copy(update={"parents": tuple(parents)})
