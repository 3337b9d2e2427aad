"""Auto: one budget over all operators, by credit.

It starts where a tiny model gains most: demonstrations, decoding and format, varied around the given prompts and a few
re-descriptions of the task, as PromptBreeder does. Then the units that a binary tournament prefers are changed, in the
first generations by edits without a writer, after that by all operators; which one is drawn is decided by how often its
children beat their parents (see `credit`). Where there are labels, which demonstrations come and go is decided by what
all lists measured so far tell of the examples (see `influence`). Children and parents are compared on one block, and
the fittest of all live on.

What this file does not do: choose the winner (see `measuring`).
"""

from dataclasses import replace
from random import Random

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step, arrivals
from promptbreeder.evolution.asks import Strategy, Task, Unit
from promptbreeder.evolution.auto_profiles import WRITERLESS, WRITTEN, AutoProfile
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.credit import Credit, Record
from promptbreeder.evolution.initial import initial_population
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.measuring import batch_of, complete, first_look, measured_further, ranked, with_elites
from promptbreeder.evolution.operators import mutated
from promptbreeder.evolution.operators.modelfree import all_renewed
from promptbreeder.evolution.population import Population
from promptbreeder.evolution.telling import joined, report
from promptbreeder.prompt import Prompt


def auto(task: Task, rng: Random, profile: AutoProfile) -> Strategy:
    """Evolve a population by the operators that have earned it."""
    context, ledger, credit = Context(task, rng, profile), Ledger(task.blocks), _credit(task)

    def guest(prompt: Prompt) -> Unit:
        return Unit(prompt=prompt, mutation_prompt=rng.choice(seeds.mutation_prompts()), operator="immigrant")

    units = yield from initial_population(context, profile.population)
    units = yield from first_look(units, profile.survivors, context, ledger)
    yield from report(0, units, context)
    for number in range(1, profile.generations + 1):
        units = with_elites(joined(units, (yield from arrivals()), guest, ledger), ledger)
        parents = [_parent(units, ledger, rng) for _ in range(profile.children)]
        if task.labels:
            # Of free text a block tells only right or wrong: too little to tell some sixty examples apart.
            context = replace(context, influence=ledger.influence())
        operators = [*WRITERLESS] if number <= profile.writerless else [*WRITERLESS, *WRITTEN]
        children = yield from together(
            [mutated(credit.draw(operators, rng), parent, units, context) for parent in parents]
        )
        # Two of one generation may have had the same idea.
        children = all_renewed(children, units, context)
        # Told before anything of it is measured: whatever wins, where it comes from is on record.
        yield from report(number, (*units, *children), context)
        yield from _compared(parents, children, units, context, ledger)
        for parent, child in zip(parents, children, strict=True):
            credit.note(child.operator, better=ledger.advantage(child.prompt, parent.prompt) > 0)
        units = ranked((*units, *children), ledger)[: profile.survivors]
        yield from measured_further(number, units, profile, ledger)
        units = ranked(units, ledger)
    yield from complete(units[: profile.final_candidates], ledger)
    yield from report(profile.generations, ranked(units, ledger), context)


def _credit(task: Task) -> Credit:
    """Return what is believed of each operator: in general, and from other skills where that is known."""
    known = {**WRITERLESS, **WRITTEN}
    return Credit({name: record + task.priors.get(name, Record()) for name, record in known.items()})


def _parent(units: Population, ledger: Ledger, rng: Random) -> Unit:
    """Return the fitter of two random units, by what is known; a guest not measured yet loses to all others."""
    two = rng.sample(units, min(2, len(units)))
    return ranked(two, ledger)[0]


def _compared(
    parents: list[Unit], children: Population, units: Population, context: Context, ledger: Ledger
) -> Step[None]:
    """Measure children, their parents and guests on one batch."""
    guests = [unit for unit in units if not ledger.known(unit.prompt)]
    prompts = {unit.prompt.content_hash: unit.prompt for unit in (*parents, *children, *guests)}
    yield from ledger.measure(list(prompts.values()), batch_of(context))
