"""Selection on tuples of units: pairing, ranking, roulette, and the making of children."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Literal, TypeVar

from promptbreeder.evolution.asks import Unit
from promptbreeder.prompt import Prompt

T = TypeVar("T")
Population = tuple[Unit, ...]
Slot = Literal["instruction", "second_instruction"]
"""A task-prompt's place in a prompt."""


def measured_fitness(unit: Unit) -> float:
    """Return the unit's fitness, or minus infinity for a unit not measured yet."""
    return unit.score.fitness if unit.score else float("-inf")


def ranking(units: Sequence[Unit], fitness: Callable[[Unit], float] = measured_fitness) -> Population:
    """Return `units` best first.

    An incompletely measured unit ranks below every complete one; ties go to the shorter prompt, then by content hash,
    so that the order never depends on how the units came in.
    """

    def place(unit: Unit) -> tuple[bool, float, int, str]:
        incomplete = unit.score is None or not unit.score.complete
        return incomplete, -fitness(unit), length(unit.prompt), unit.prompt.content_hash

    return tuple(sorted(units, key=place))


def length(prompt: Prompt) -> int:
    """Return the number of characters that a prompt puts before its item."""
    shown = sum(len(shot.input) + len(shot.output) for shot in prompt.demonstrations)
    return len(prompt.instruction) + len(prompt.second_instruction) + shown


def pairs(units: Sequence[Unit], count: int, rng: Random) -> tuple[tuple[int, int], ...]:
    """Return `count` disjoint random pairs of indices for binary tournaments (section 3).

    Units not measured yet come first, so that a child is known one generation after it was made; each meets a random
    opponent all the same.
    """
    order = rng.sample(range(len(units)), len(units))
    order.sort(key=lambda index: units[index].score is not None)
    count = min(count, len(units) // 2)
    chosen = rng.sample(order[: 2 * count], 2 * count)
    return tuple(zip(chosen[:count], chosen[count:], strict=True))


def roulette(units: Sequence[Unit], rng: Random) -> Unit:
    """Return one of `units`, drawn in proportion to fitness; unmeasured ones count as the worst measured."""
    worst = min((unit.score.fitness for unit in units if unit.score), default=0.0)
    weights = [max(unit.score.fitness if unit.score else worst, 0.0) for unit in units]
    return rng.choices(units, weights)[0] if any(weights) else rng.choice(units)


def weighted(choices: Sequence[tuple[T, float]], rng: Random) -> T:
    """Return one of `choices`, drawn in proportion to its weight."""
    return rng.choices([value for value, _ in choices], [weight for _, weight in choices])[0]


def slots(prompt: Prompt) -> tuple[Slot, ...]:
    """Return the task-prompts that `prompt` has; the first always counts, even while it is empty."""
    return ("instruction", "second_instruction") if prompt.second_instruction else ("instruction",)


def task_prompt(unit: Unit, slot: Slot) -> str:
    """Return one task-prompt of a unit."""
    return unit.prompt.instruction if slot == "instruction" else unit.prompt.second_instruction


def child_of(unit: Unit, operator: str, prompt: Prompt, mutation_prompt: str | None = None) -> Unit:
    """Return an unmeasured child; it inherits the mutation-prompt, unless given a new one, and the lineage's elites."""
    return Unit(
        prompt=prompt,
        mutation_prompt=unit.mutation_prompt if mutation_prompt is None else mutation_prompt,
        operator=operator,
        parents=(unit.prompt.content_hash,),
        elites=unit.elites,
    )
