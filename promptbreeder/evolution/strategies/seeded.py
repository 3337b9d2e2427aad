"""One strategy after another, as one: what the first found best is the first population of the second.

OPRO's best use with small executors: a larger writer seeds the population, then another strategy takes over.

The first gets one of `SHARES` parts of the generations, and hands over before that where it has used up as large a part
of the search's budget, though not before it has made a generation. What is left of the budget is the second's.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from promptbreeder.evolution.asking import Step, is_over
from promptbreeder.evolution.asks import Generation, Immigrants, Strategy, Task, Unit
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.prompt import Prompt

Begin = Callable[[Task, Random], Strategy]
SHARES: Final = 3
"""The strategy that seeds another gets one of so many."""


def seeded(task: Task, rng: Random, *, first: Begin, then: Begin, room: int, total: int) -> Strategy:
    """Run `first` until it has had its share, then `then`, whose first population has room for `room` given prompts.

    Both are told of as one search of `total` generations.
    """
    heard = Ledger(task.blocks)
    told = yield from _relayed(first(task, rng), total, heard=heard)
    # The units told of last may have been measured after that.
    seeds = _handed_over(task, [heard.noted(unit) for unit in told.units], room) if told else task.seeds
    yield from _relayed(then(task.model_copy(update={"seeds": seeds}), rng), total, before=told)


def _relayed(
    strategy: Strategy, total: int, *, before: Generation | None = None, heard: Ledger | None = None
) -> Step[Generation | None]:
    """Pass on what `strategy` asks, its generations counted on from `before`; return the last one told.

    With `heard`, which hears what is measured, it is the one that hands over: between two of its generations, when all
    that it told of is measured and nothing new is written yet.
    """
    told = None
    try:
        ask = next(strategy)
        while True:
            if isinstance(ask, Generation):
                told = ask = _counted_on(ask, total, before)
            elif heard and isinstance(ask, Immigrants) and told and told.number and (yield from is_over()):
                return told
            answer = yield ask
            if heard:
                heard.overhear(ask, answer)
            ask = strategy.send(answer)
    except StopIteration:
        if heard:
            yield from is_over(ended=True)
        return told
    finally:
        strategy.close()


def _counted_on(told: Generation, total: int, before: Generation | None) -> Generation:
    if before is None:
        return told.model_copy(update={"total": total})
    reasons = dict.fromkeys((*before.rejected, *told.rejected))
    return told.model_copy(
        update={
            "number": before.number + 1 + told.number,
            "total": total,
            "rejected": {reason: before.rejected.get(reason, 0) + told.rejected.get(reason, 0) for reason in reasons},
            "written": before.written + told.written,
        }
    )


def _handed_over(task: Task, units: Sequence[Unit], room: int) -> tuple[Prompt, ...]:
    """Return the production prompt, which has to be beaten, and the best measured ones, as far as there is room."""
    scored = [(unit.score, unit.prompt) for unit in units if unit.score]
    # Those measured on most examples are known best; a high score on one block is luck more often than not.
    scored.sort(key=lambda entry: (-entry[0].items, -entry[0].fitness, entry[1].content_hash))
    prompts = {prompt.content_hash: prompt for prompt in (*task.seeds[:1], *(prompt for _, prompt in scored))}
    return tuple(prompts.values())[:room]
