"""Demonstrations drawn from the train split, and edits of their list that need no writer."""

from collections.abc import Sequence
from random import Random

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.population import Population, child_of
from promptbreeder.prompt import Demonstration

MAX_CHARACTERS = 600
"""Longer examples are no demonstrations: a few would fill a small model's context."""


def edit_demonstrations(unit: Unit, population: Population, context: Context) -> Unit:
    """Add, drop, replace or permute demonstrations, or draw a new list."""
    del population
    rng, shots = context.rng, list(unit.prompt.demonstrations)
    fresh = draw(context.task, 1, rng, shown=shots)
    moves = ["draw"] if usable(context.task) else []
    if fresh and len(shots) < context.profile.context_size:
        moves += ["add", "add"]
    if fresh and shots:
        moves += ["replace", "replace"]
    if shots:
        moves += ["drop"]
    if len(shots) > 1:
        moves += ["permute"]
    if not moves:
        return unit
    move = rng.choice(moves)
    if move == "draw":
        shots = list(draw(context.task, rng.choice(even_sizes(context.task, context.profile.context_size)), rng))
    elif move == "add":
        shots.insert(rng.randint(0, len(shots)), fresh[0])
    elif move == "replace":
        gone = shots.pop(rng.randrange(len(shots)))
        same = draw(context.task, 1, rng, shown=[*shots, gone], output=gone.output)
        shots.insert(rng.randint(0, len(shots)), (same or fresh)[0])
    elif move == "drop":
        shots.pop(rng.randrange(len(shots)))
    else:
        rng.shuffle(shots)
    return child_of(unit, "demonstrations", unit.prompt.but(demonstrations=tuple(shots)))


def even_sizes(task: Task, most: int) -> tuple[int, ...]:
    """Return the list lengths up to `most` that show every label equally often; without labels all of them.

    One label shown once more than the others is enough to pull a small model's answers to it. Where even one of each
    is too long, that is the length all the same.
    """
    step = len(task.labels) or 1
    return tuple(range(step, max(most, step) + 1, step))


def usable(task: Task) -> tuple[Demonstration, ...]:
    """Return the train examples that can be shown."""
    return tuple(
        Demonstration(input=example.input, output=example.expected)
        for example in task.train
        if example.expected and len(example.input) + len(example.expected) <= MAX_CHARACTERS
    )


def draw(
    task: Task, count: int, rng: Random, *, shown: Sequence[Demonstration] = (), output: str | None = None
) -> tuple[Demonstration, ...]:
    """Return up to `count` random demonstrations that are not in `shown`, the outputs as balanced as can be.

    With `output`, only demonstrations of that answer. An unbalanced list feeds the label bias of small models.
    """
    inputs = [shot.input for shot in shown]
    groups: dict[str, list[Demonstration]] = {label: [] for label in task.labels}
    for shot in usable(task):
        if shot.input not in inputs and output in (None, shot.output):
            groups.setdefault(shot.output if task.labels else "", []).append(shot)
    present = {name: sum(shot.output == name for shot in shown) for name in groups}
    for group in groups.values():
        rng.shuffle(group)
    chosen: list[Demonstration] = []
    while len(chosen) < count and (open_ := [name for name, group in groups.items() if group]):
        fewest = min(present[name] for name in open_)
        name = rng.choice([name for name in open_ if present[name] == fewest])
        chosen.append(groups[name].pop())
        present[name] += 1
    rng.shuffle(chosen)
    return tuple(chosen)
