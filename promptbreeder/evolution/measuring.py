"""How much of the search split which units see: little for all, everything for the few that may win.

The runner takes the winner from the prompts measured on all blocks. What is here sees to it that there is one early
on, whenever the budget ends, and that the best are among them.
"""

from collections.abc import Sequence

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Unit
from promptbreeder.evolution.base_profile import BaseProfile
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.evolution.population import Population, ranking


def ranked(units: Sequence[Unit], ledger: Ledger) -> Population:
    """Return `units` best first, their scores noted; the difficulty of the blocks each has seen is taken out."""
    estimates = ledger.estimates()
    worst = float("-inf")
    return ranking([ledger.noted(unit) for unit in units], lambda unit: estimates.get(unit.prompt.content_hash, worst))


def with_elites(units: Population, ledger: Ledger) -> Population:
    """Note the scores, and append the best unit's task-prompt to its elites (3.2.2, lineage)."""
    noted = tuple(ledger.noted(unit) for unit in units)
    best = ranked(noted, ledger)[0]
    text = best.prompt.instruction
    if best.elites[-1:] == (text,):
        return noted
    crowned = best.model_copy(update={"elites": (*best.elites, text)})
    return tuple(crowned if unit == best else unit for unit in noted)


def batch_of(context: Context) -> list[int]:
    """Return the blocks that all of one generation are measured on, drawn anew for each."""
    blocks = context.task.blocks
    return context.rng.sample(range(blocks), min(context.profile.batch_blocks or blocks, blocks))


def first_look(units: Population, survivors: int, context: Context, ledger: Ledger) -> Step[Population]:
    """Return those that stay after a look that costs little: all on one block, the best third on a second, and so on.

    Ends with the best measured on everything. A profile whose batch is the whole split measures all in full instead.
    """
    blocks = context.task.blocks
    if context.profile.batch_blocks is None:
        yield from ledger.measure([unit.prompt for unit in units], range(blocks))
        return tuple(ledger.noted(unit) for unit in units)
    kept = units
    for block in range(min(3, blocks)):
        yield from ledger.measure([unit.prompt for unit in kept], (block,))
        if block == 0:
            # Those that do not survive the first look are gone for good.
            units = ranked(units, ledger)[:survivors]
        kept = ranked(kept, ledger)[: max(1, len(kept) // 3)]
    yield from complete(ranked(units, ledger)[:1], ledger)
    return tuple(ledger.noted(unit) for unit in units)


def measured_further(number: int, units: Population, profile: BaseProfile, ledger: Ledger) -> Step[None]:
    """Measure what looks promising after generation `number` on one more block, and every so often on everything."""
    for unit in ranked(units, ledger)[: profile.deepened]:
        yield from ledger.race([unit.prompt], 1)
    if number % profile.complete_every == 0:
        yield from complete(ranked(units, ledger)[: profile.completed], ledger)


def complete(units: Population, ledger: Ledger) -> Step[None]:
    """Let `units` race for all blocks, one after the other, so that some are complete whenever the budget ends."""
    yield from ledger.race([unit.prompt for unit in units])
