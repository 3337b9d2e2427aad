"""One strategy after another, as one: what the first found best is the first population of the second.

OPRO's best use with small executors: a larger writer seeds the population, then another strategy takes over.
"""

from collections.abc import Callable
from random import Random

from promptbreeder.evolution.asking import Step
from promptbreeder.evolution.asks import Generation, Strategy, Task, Unit
from promptbreeder.prompt import Prompt

Begin = Callable[[Task, Random], Strategy]


def seeded(task: Task, rng: Random, *, first: Begin, then: Begin, room: int, total: int) -> Strategy:
    """Run `first` to its end, then `then`, whose first population has room for `room` given prompts.

    Both are told of as one search of `total` generations.
    """
    told = yield from _relayed(first(task, rng), total, None)
    seeds = _handed_over(task, told.units, room) if told else task.seeds
    yield from _relayed(then(task.model_copy(update={"seeds": seeds}), rng), total, told)


def _relayed(strategy: Strategy, total: int, before: Generation | None) -> Step[Generation | None]:
    """Pass on what `strategy` asks, its generations counted on from `before`; return the last one told."""
    told = None
    try:
        ask = next(strategy)
        while True:
            if isinstance(ask, Generation):
                told = ask = _counted_on(ask, total, before)
            ask = strategy.send((yield ask))
    except StopIteration:
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


def _handed_over(task: Task, units: tuple[Unit, ...], room: int) -> tuple[Prompt, ...]:
    """Return the production prompt, which has to be beaten, and the best measured ones, as far as there is room."""
    scored = [(unit.score, unit.prompt) for unit in units if unit.score]
    # Those measured on most examples are known best; a high score on one block is luck more often than not.
    scored.sort(key=lambda entry: (-entry[0].items, -entry[0].fitness, entry[1].content_hash))
    prompts = {prompt.content_hash: prompt for prompt in (*task.seeds[:1], *(prompt for _, prompt in scored))}
    return tuple(prompts.values())[:room]
