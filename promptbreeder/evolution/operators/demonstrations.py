"""Demonstrations drawn from the train split, and edits of their list that need no writer."""

import math
from collections.abc import Mapping, Sequence
from random import Random

from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.population import Population, child_of
from promptbreeder.prompt import Demonstration

MAX_CHARACTERS = 600
"""Longer examples are no demonstrations: a few would fill a small model's context."""
_FEWEST = 3
"""Lists that are drawn begin here, or where every label is shown once."""
_TURNED_OVER = 8
"""One more demonstration is added, dropped or replaced for every so many that a list has: of 48, one is no change."""


def edit_demonstrations(unit: Unit, population: Population, context: Context) -> Unit:
    """Add, drop, replace or permute demonstrations, or draw a new list; by their influence, as far as it is known."""
    del population
    task, rng, shots = context.task, context.rng, unit.prompt.demonstrations
    liking = context.influence.sampled((shot.input for shot in usable(task)), rng)
    moves = _moves(shots, context)
    if not moves:
        return unit
    move = rng.choice(moves)
    if move == "draw":
        shots = draw(task, rng.choice(list_sizes(task, context.profile.context_size)), rng, liking=liking)
    elif move == "permute":
        shots = permuted(shots, rng)
    else:
        for _ in range(1 + len(shots) // _TURNED_OVER):
            shots = _changed(move, shots, context, liking)
    return child_of(unit, "demonstrations", unit.prompt.but(demonstrations=shots))


def _moves(shots: Sequence[Demonstration], context: Context) -> list[str]:
    """Return what can be done to a list, each as often as it is to be tried."""
    fresh = draw(context.task, 1, context.rng, shown=shots)
    moves = ["draw", "draw"] if usable(context.task) else []
    if fresh and len(shots) < context.profile.context_size:
        moves += ["add", "add"]
    if fresh and shots:
        moves += ["replace", "replace"]
    if shots:
        moves += ["drop"]
    if len(shots) > 1:
        moves += ["permute"]
    return moves


def _changed(
    move: str, shots: tuple[Demonstration, ...], context: Context, liking: Mapping[str, float]
) -> tuple[Demonstration, ...]:
    """Return the list with one demonstration more, less or exchanged, where that can be."""
    task, rng = context.task, context.rng
    if move == "drop":
        return dropped(shots, rng, liking)
    fresh = draw(task, 1, rng, shown=shots, liking=liking)
    if move == "replace":
        return replaced(shots, task, rng, otherwise=fresh, liking=liking)
    return added(shots, fresh[0], rng) if fresh and len(shots) < context.profile.context_size else shots


def added(shots: Sequence[Demonstration], new: Demonstration, rng: Random) -> tuple[Demonstration, ...]:
    """Return the list with `new` at a random place."""
    place = rng.randint(0, len(shots))
    return (*shots[:place], new, *shots[place:])


def dropped(
    shots: Sequence[Demonstration], rng: Random, liking: Mapping[str, float] | None = None
) -> tuple[Demonstration, ...]:
    """Return the list without the one that is liked least; without `liking`, a random one."""
    place = _least_liked(shots, rng, liking)
    return (*shots[:place], *shots[place + 1 :])


def _least_liked(shots: Sequence[Demonstration], rng: Random, liking: Mapping[str, float] | None) -> int:
    places = range(len(shots))
    # One that is no train example was put there by somebody: what it is worth is not known.
    return min(places, key=lambda place: liking.get(shots[place].input, 0.0)) if liking else rng.choice(places)


def permuted(shots: Sequence[Demonstration], rng: Random) -> tuple[Demonstration, ...]:
    """Return the same demonstrations in a random order."""
    mixed = list(shots)
    rng.shuffle(mixed)
    return tuple(mixed)


def replaced(
    shots: Sequence[Demonstration],
    task: Task,
    rng: Random,
    *,
    otherwise: Sequence[Demonstration] = (),
    liking: Mapping[str, float] | None = None,
) -> tuple[Demonstration, ...]:
    """Return the list with one demonstration exchanged for a new one of the same answer, else for one of `otherwise`.

    The one that is liked least goes, and the one liked most comes; without `liking` both are random.
    """
    place = _least_liked(shots, rng, liking)
    gone, rest = shots[place], (*shots[:place], *shots[place + 1 :])
    new = draw(task, 1, rng, shown=shots, output=gone.output, liking=liking) or otherwise
    return added(rest, new[0], rng) if new else tuple(shots)


def few_shot(task: Task, count: int, rng: Random, *, first: Sequence[Demonstration] = ()) -> tuple[Demonstration, ...]:
    """Return up to `count` demonstrations as `draw` gives them, those of `first` before all others.

    Turns a zero-shot prompt into a few-shot one; `first` are the examples that the zero-shot prompt gets wrong.
    """
    inputs = [shot.input for shot in first]
    hard_only = task.model_copy(update={"train": tuple(e for e in task.train if e.input in inputs)})
    # No more of a label than its share: what is often wrong is often of one label, and a list full of it is biased.
    share = max(1, count // len(task.labels)) if task.labels else count
    hard: list[Demonstration] = []
    for shot in draw(hard_only, count, rng):
        if not task.labels or sum(other.output == shot.output for other in hard) < share:
            hard.append(shot)
    return permuted((*hard, *draw(task, count - len(hard), rng, shown=hard)), rng)


def even_sizes(task: Task, most: int) -> tuple[int, ...]:
    """Return the list lengths up to `most` that show every label equally often; without labels all of them.

    One label shown once more than the others is enough to pull a small model's answers to it. Where even one of each
    is too long, that is the length all the same.
    """
    step = len(task.labels) or 1
    return tuple(range(step, max(most, step) + 1, step))


def list_sizes(task: Task, most: int) -> tuple[int, ...]:
    """Return lengths to draw lists of, each twice the one before, with every label equally often.

    They go as far as there are examples and the run can afford. Tasks differ in what they need: of six question types
    48 questions tell more than 6, of two tones 8 as much as 60.
    """
    step = len(task.labels) or 1
    size = step * max(1, min(math.ceil(_FEWEST / step), most // step))
    sizes, shots = [size], usable(task)
    each = sum(map(_characters, shots)) / max(1, len(shots))
    while (size := 2 * size) <= min(most, len(shots)) and size * each <= task.list_characters:
        sizes.append(size)
    return tuple(sizes)


def usable(task: Task) -> tuple[Demonstration, ...]:
    """Return the train examples that can be shown; none where patterns are expected, which would be copied."""
    if task.expects_patterns:
        return ()
    return tuple(
        Demonstration(input=example.input, output=example.expected)
        for example in task.train
        if example.expected and len(example.input) + len(example.expected) <= MAX_CHARACTERS
    )


def _characters(shot: Demonstration) -> int:
    return len(shot.input) + len(shot.output)


def draw(
    task: Task,
    count: int,
    rng: Random,
    *,
    shown: Sequence[Demonstration] = (),
    output: str | None = None,
    liking: Mapping[str, float] | None = None,
) -> tuple[Demonstration, ...]:
    """Return up to `count` demonstrations that are not in `shown`, the outputs as balanced as can be.

    Random ones, or of each output those that `liking` (by input) has highest. With `output`, only demonstrations of
    that answer. An unbalanced list feeds the label bias of small models. A list that would grow too long for the run
    ends once every label is shown, and one where there are no labels.
    """
    inputs = [shot.input for shot in shown]
    groups: dict[str, list[Demonstration]] = {label: [] for label in task.labels}
    for shot in usable(task):
        if shot.input not in inputs and output in (None, shot.output):
            groups.setdefault(shot.output if task.labels else "", []).append(shot)
    present = {name: sum(shot.output == name for shot in shown) for name in groups}
    for group in groups.values():
        rng.shuffle(group)
        if liking:
            group.sort(key=lambda shot: liking[shot.input])
    chosen: list[Demonstration] = []
    room = task.list_characters - sum(map(_characters, shown))
    while len(chosen) < count and (open_ := [name for name, group in groups.items() if group]):
        fewest = min(present[name] for name in open_)
        name = rng.choice([name for name in open_ if present[name] == fewest])
        taken = groups[name].pop()
        room -= _characters(taken)
        if room < 0 and len(chosen) >= max(1, len(task.labels)):
            break
        chosen.append(taken)
        present[name] += 1
    rng.shuffle(chosen)
    return tuple(chosen)
