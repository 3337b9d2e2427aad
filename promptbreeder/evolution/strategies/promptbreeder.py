"""PromptBreeder (Fernando et al., arXiv 2309.16797): prompts and the ways of changing them evolve together.

Section numbers are the paper's. Two things differ, both for executors that are slow to measure: the batch of a
generation is the same for all its units (the paper's independent batches compare noise), and a prompt's scores are
kept per block, so that a promising unit is measured further instead of anew.

What this file does not do: choose the winner. The runner takes it from the prompts measured on all blocks; this
strategy sees to it that there always is one, whenever the budget ends.
"""

from random import Random

from promptbreeder.evolution import seeds
from promptbreeder.evolution.asking import Step, arrivals, tell
from promptbreeder.evolution.asks import Generation, Strategy, Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.initial import initial_population
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.lockstep import together
from promptbreeder.evolution.operators import mutated
from promptbreeder.evolution.operators.recombination import crossover, shuffle_context
from promptbreeder.evolution.population import Population, pairs, ranking, weighted
from promptbreeder.evolution.profiles import Profile
from promptbreeder.prompt import Prompt


def promptbreeder(task: Task, rng: Random, profile: Profile) -> Strategy:
    """Evolve a population by binary tournaments."""
    context, ledger = Context(task, rng, profile), Ledger(task.blocks)
    # 3.1 Initialisation, and a first look that costs little: all on one block, the best third on a second, and so on.
    units = yield from initial_population(context)
    units = yield from _first_look(units, context, ledger)
    yield from _report(0, units, context)
    for number in range(1, profile.generations + 1):
        units = _joined(units, (yield from arrivals()), context, ledger)
        batch = rng.sample(range(task.blocks), min(profile.batch_blocks or task.blocks, task.blocks))
        # 3. Binary tournaments: the mutated copy of the winner overwrites the loser.
        contests = pairs(units, profile.tournaments, rng)
        yield from ledger.measure([units[index].prompt for pair in contests for index in pair], batch)
        units = _with_elites(units, ledger)
        outcomes = [_outcome(units, pair, ledger) for pair in contests]
        children = yield from together([_child(units[winner], units, context) for winner, _ in outcomes])
        overwritten = {loser: child for (_, loser), child in zip(outcomes, children, strict=True)}
        units = tuple(overwritten.get(index, unit) for index, unit in enumerate(units))
        yield from _deepen(_ranked(units, ledger)[: profile.deepened], ledger)
        if number % profile.complete_every == 0:
            yield from _complete(_ranked(units, ledger)[: profile.completed], ledger)
        units = _with_elites(units, ledger)
        yield from _report(number, units, context)
    # The last children are known too before the best few are measured on everything.
    yield from ledger.measure([unit.prompt for unit in units if not unit.score], range(min(1, task.blocks)))
    yield from _complete(_ranked(units, ledger)[: profile.final_candidates], ledger)
    yield from _report(profile.generations, tuple(ledger.noted(unit) for unit in units), context)


def _child(winner: Unit, units: Population, context: Context) -> Step[Unit]:
    profile, rng = context.profile, context.rng
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


def _first_look(units: Population, context: Context, ledger: Ledger) -> Step[Population]:
    profile, blocks = context.profile, context.task.blocks
    if profile.batch_blocks is None:
        yield from ledger.measure([unit.prompt for unit in units], range(blocks))
        return _with_elites(units, ledger)
    # In order: the first block is the one on which calibrated prompts are calibrated, so it costs them nothing extra.
    order = range(blocks)
    kept = units
    for place in range(min(3, blocks)):
        yield from ledger.measure([unit.prompt for unit in kept], order[place : place + 1])
        if place == 0:
            # Those that do not survive the first look are gone for good.
            units = _ranked(units, ledger)[: profile.survivors]
        kept = _ranked(kept, ledger)[: max(1, len(kept) // 3)]
    yield from _complete(_ranked(units, ledger)[:1], ledger)
    return _with_elites(units, ledger)


def _ranked(units: Population, ledger: Ledger) -> Population:
    estimates = ledger.estimates()
    worst = float("-inf")
    return ranking([ledger.noted(unit) for unit in units], lambda unit: estimates.get(unit.prompt.content_hash, worst))


def _deepen(units: Population, ledger: Ledger) -> Step[None]:
    for unit in units:
        yield from ledger.measure([unit.prompt], ledger.missing(unit.prompt)[:1])


def _complete(units: Population, ledger: Ledger) -> Step[None]:
    for unit in units:
        yield from ledger.measure([unit.prompt], ledger.missing(unit.prompt))


def _with_elites(units: Population, ledger: Ledger) -> Population:
    """Note the scores, and append the best unit's task-prompt to its elites (3.2.2, lineage)."""
    noted = tuple(ledger.noted(unit) for unit in units)
    best = _ranked(noted, ledger)[0]
    text = best.prompt.instruction
    if best.elites[-1:] == (text,):
        return noted
    crowned = best.model_copy(update={"elites": (*best.elites, text)})
    return tuple(crowned if unit == best else unit for unit in noted)


def _joined(units: Population, prompts: tuple[Prompt, ...], context: Context, ledger: Ledger) -> Population:
    """Let prompts handed in from outside replace the worst measured units, all but one of them.

    More guests than that make the population larger: what a user hands in is never dropped unmeasured.
    """
    known = [unit.prompt.content_hash for unit in units]
    guests = {prompt.content_hash: prompt for prompt in prompts if prompt.content_hash not in known}
    stock = seeds.mutation_prompts()
    joining = [
        Unit(prompt=prompt, mutation_prompt=context.rng.choice(stock), operator="immigrant")
        for prompt in guests.values()
    ]
    ranked = _ranked(tuple(unit for unit in units if unit.score), ledger)
    for leaving in ranked[:0:-1][: len(joining)]:
        place = next(index for index, unit in enumerate(units) if unit.prompt == leaving.prompt)
        units = (*units[:place], joining.pop(0), *units[place + 1 :])
    return (*units, *joining)


def _report(number: int, units: Population, context: Context) -> Step[None]:
    yield from tell(
        Generation(
            number=number,
            total=context.profile.generations,
            units=units,
            rejected=dict(context.tally.rejected),
            written=context.tally.written,
        )
    )
