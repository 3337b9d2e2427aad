"""PromptBreeder (Fernando et al., arXiv 2309.16797): prompts and the ways of changing them evolve together.

Section numbers are the paper's. Two things differ, both for executors that are slow to measure: the batch of a
generation is the same for all its units (the paper's independent batches compare noise), and a prompt's scores are
kept per block, so that a promising unit is measured further instead of anew.

What this file does not do: choose the winner. The runner takes it from the prompts measured on all blocks; this
strategy sees to it that there always is one, whenever the budget ends.
"""

from random import Random

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step, arrivals
from promptbreeder.evolution.asks import Strategy, Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.initial import initial_population
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.measuring import batch_of, complete, first_look, measured_further, ranked, with_elites
from promptbreeder.evolution.operators import mutated
from promptbreeder.evolution.operators.recombination import crossover, shuffle_context
from promptbreeder.evolution.population import Population, pairs, ranking, weighted
from promptbreeder.evolution.profiles import Profile
from promptbreeder.evolution.telling import joined, report
from promptbreeder.prompt import Prompt


def promptbreeder(task: Task, rng: Random, profile: Profile) -> Strategy:
    """Evolve a population by binary tournaments."""
    context, ledger = Context(task, rng, profile), Ledger(task.blocks)

    def guest(prompt: Prompt) -> Unit:
        return Unit(prompt=prompt, mutation_prompt=rng.choice(seeds.mutation_prompts()), operator="immigrant")

    # 3.1 Initialisation, and a first look that costs little: all on one block, the best third on a second, and so on.
    units = yield from initial_population(context, profile.population)
    units = with_elites((yield from first_look(units, profile.survivors, context, ledger)), ledger)
    yield from report(0, units, context)
    for number in range(1, profile.generations + 1):
        units = joined(units, (yield from arrivals()), guest, ledger)
        batch = batch_of(context)
        # 3. Binary tournaments: the mutated copy of the winner overwrites the loser.
        contests = pairs(units, profile.tournaments, rng)
        yield from ledger.measure([units[index].prompt for pair in contests for index in pair], batch)
        units = with_elites(units, ledger)
        outcomes = [_outcome(units, pair, ledger) for pair in contests]
        children = yield from together([_child(units[winner], units, profile, context) for winner, _ in outcomes])
        overwritten = {loser: child for (_, loser), child in zip(outcomes, children, strict=True)}
        units = tuple(overwritten.get(index, unit) for index, unit in enumerate(units))
        yield from measured_further(number, units, profile, ledger)
        units = with_elites(units, ledger)
        yield from report(number, units, context)
    # The last children are known too before the best few are measured on everything.
    yield from ledger.measure([unit.prompt for unit in units if not unit.score], range(min(1, task.blocks)))
    yield from complete(ranked(units, ledger)[: profile.final_candidates], ledger)
    yield from report(profile.generations, tuple(ledger.noted(unit) for unit in units), context)


def _child(winner: Unit, units: Population, profile: Profile, context: Context) -> Step[Unit]:
    rng = context.rng
    # 3.2 The operator is drawn uniformly over the enabled ones (weights are all 1 in the paper's profile).
    child = yield from mutated(weighted(profile.operators, rng), winner, units, context)
    # 3.2.5 Crossover and context shuffling come after mutation.
    if rng.random() < profile.crossover_rate:
        child = crossover(child, units, context)
    if profile.few_shot and rng.random() < profile.shuffle_rate:
        child = yield from shuffle_context(child, context)
    return child


def _outcome(units: Population, pair: tuple[int, int], ledger: Ledger) -> tuple[int, int]:
    """Return winner and loser."""
    left, right = pair
    lead = ledger.advantage(units[left].prompt, units[right].prompt)
    if lead == 0:
        winner = ranking([units[left], units[right]], lambda _: 0.0)[0]
        return pair if winner is units[left] else (right, left)
    return pair if lead > 0 else (right, left)
