"""The strategy as a whole."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from promptbreeder.evolution.asks import Immigrants, Measure, Task, Write
from promptbreeder.evolution.profiles import PAPER_SMALL, SMOLLM2
from promptbreeder.evolution.strategies.promptbreeder import promptbreeder
from promptbreeder.prompt import Prompt

SHORT = replace(SMOLLM2, generations=6)


def _quality(prompt: Prompt, block: int) -> float:
    """How well a simulated tiny executor does: by decoding, demonstrations and a label list, and by the block."""
    by_decoding = {"free": 0.0, "constrained": 0.1, "calibrated": 0.3}[prompt.decoding]
    shown = 0.03 * min(6, len(prompt.demonstrations))
    return 0.2 + by_decoding + shown + 0.08 * ("one of:" in prompt.instruction) + 0.02 * (block % 3)


def _measured_blocks(world: Any) -> dict[str, list[int]]:  # noqa: ANN401  the outside of conftest
    blocks: dict[str, list[int]] = {}
    for ask in world.of_kind(Measure):
        for prompt in ask.prompts:
            blocks.setdefault(prompt.content_hash, []).extend(ask.blocks)
    return blocks


@pytest.mark.parametrize("seed", range(5))
def test_the_search_climbs_above_its_seed(seed: int, task: Task, outside: Callable[..., Any]) -> None:
    """With a silent writer, the best prompt measured on all blocks is far better than the one given."""
    world = outside(task, fitness=_quality)
    world.drive(promptbreeder(task, Random(seed), SHORT))
    complete = [unit for unit in world.generations[-1].units if unit.score and unit.score.items == 96]
    best = max(complete, key=lambda unit: unit.score.fitness)
    assert best.score.fitness > _quality(task.seeds[0], 1) + 0.45


@pytest.mark.parametrize("profile", [SHORT, replace(PAPER_SMALL, generations=6)])
def test_the_copy_of_the_winner_overwrites_the_loser(
    profile: Any,  # noqa: ANN401  a profile
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
) -> None:
    """The winner stays as it is, in its place; the child descends from it and not from the loser."""
    world = outside(task, fitness=_quality, writer=writer)
    world.drive(promptbreeder(task, Random(3), profile))
    for before, after in pairwise(world.generations):
        fitness = {unit.prompt.content_hash: _quality(unit.prompt, 0) for unit in before.units}
        replaced = [index for index, unit in enumerate(before.units) if after.units[index].prompt != unit.prompt]
        for index in replaced:
            child, loser = after.units[index], before.units[index]
            # Another unit's, though it may be the loser's twin.
            others = [unit.prompt.content_hash for place, unit in enumerate(before.units) if place != index]
            assert child.parents[0] in others
            assert child.parents[0] in [unit.prompt.content_hash for unit in after.units]
            assert fitness[child.parents[0]] >= fitness[loser.prompt.content_hash]


def test_children_inherit_the_winners_mutation_prompt_unless_it_was_hypermutated(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Self-reference: what changed a good prompt goes on changing its descendants."""
    world = outside(task, writer=writer)
    world.drive(promptbreeder(task, Random(4), replace(PAPER_SMALL, generations=10)))
    inherited: Counter[tuple[bool, bool]] = Counter()
    for before, after in pairwise(world.generations):
        for child, previous in zip(after.units, before.units, strict=True):
            parents = [unit for unit in before.units if child.parents[:1] == (unit.prompt.content_hash,)]
            if child.prompt != previous.prompt and parents:
                same = child.mutation_prompt in [parent.mutation_prompt for parent in parents]
                inherited["hyper" in child.operator, same] += 1
    assert inherited[False, True] > 20
    assert inherited[False, False] == inherited[True, True] == 0
    assert inherited[True, False] > 3


def test_a_generation_draws_one_batch_for_all_its_units(task: Task, outside: Callable[..., Any]) -> None:
    """In the paper's profile that is the whole search split; no prompt is measured twice on a block."""
    for profile in (SHORT, replace(PAPER_SMALL, generations=3)):
        world = outside(task, fitness=_quality)
        world.drive(promptbreeder(task, Random(5), profile))
        assert all(len(blocks) == len(dict.fromkeys(blocks)) for blocks in _measured_blocks(world).values())
    assert all(len(ask.blocks) == 1 for ask in world.of_kind(Measure))


def test_the_first_look_is_cheap_and_leaves_one_complete_prompt(task: Task, outside: Callable[..., Any]) -> None:
    """Twenty units on one block, a third on the next, two on the third; then the best on everything."""
    world = outside(task, fitness=_quality)
    steps = promptbreeder(task, Random(6), replace(SMOLLM2, generations=0))
    world.drive(steps)
    evaluations = [len(ask.prompts) for ask in world.of_kind(Measure)]
    assert evaluations[:3] == [20, 6, 2]
    assert len(world.generations[0].units) == SMOLLM2.survivors
    before_generation = [
        ask for ask in world.asks[: world.asks.index(world.generations[0])] if isinstance(ask, Measure)
    ]
    assert sum(len(ask.prompts) for ask in before_generation) * task.block_size <= 512
    assert max(len(blocks) for blocks in _measured_blocks(world).values()) == 6


@pytest.mark.parametrize("items", [600, 1000, 1500, 2000])
def test_whenever_the_budget_ends_there_is_a_complete_candidate(
    items: int, task: Task, outside: Callable[..., Any]
) -> None:
    """The runner may stop at any ask, and picks among prompts measured on all blocks."""
    world, spent, complete = outside(task, fitness=_quality), 0, 0
    steps = promptbreeder(task, Random(7), SMOLLM2)
    ask = next(steps)
    while spent + 16 * len(getattr(ask, "prompts", ())) <= items:
        spent += 16 * len(getattr(ask, "prompts", ()))
        world.asks.append(ask)
        ask = steps.send(world.answer(ask))
    steps.close()
    complete = sum(len(blocks) == task.blocks for blocks in _measured_blocks(world).values())
    assert complete >= (1 if items < 1500 else 2)


def test_the_last_candidates_are_measured_on_all_blocks(task: Task, outside: Callable[..., Any]) -> None:
    """A run that ends by itself leaves several complete prompts to choose from."""
    world = outside(task, fitness=_quality)
    world.drive(promptbreeder(task, Random(8), SHORT))
    final = world.generations[-1].units
    assert sum(unit.score is not None and unit.score.items == 96 for unit in final) >= SHORT.final_candidates


def test_guests_replace_the_worst_and_take_part(task: Task, outside: Callable[..., Any]) -> None:
    """What comes in from outside is measured like everything else, and the best unit stays."""
    guest = task.seeds[0].but(instruction="A guest's idea of sorting.", decoding="calibrated")
    world = outside(task, fitness=_quality, guests=(guest, guest, task.seeds[0]))
    world.drive(promptbreeder(task, Random(9), SHORT))
    assert guest.content_hash in _measured_blocks(world)
    start, first = world.generations[0].units, world.generations[1].units
    assert len(first) in (len(start), len(start) + 1)
    assert len(world.of_kind(Immigrants)) == SHORT.generations


def test_more_guests_than_places_are_all_measured(task: Task, outside: Callable[..., Any]) -> None:
    """Nothing that a user hands in is dropped unseen."""
    guests = tuple(task.seeds[0].but(instruction=f"Guest number {n} sorts tickets.") for n in range(15))
    world = outside(task, fitness=_quality, guests=guests)
    world.drive(promptbreeder(task, Random(9), SHORT))
    assert [guest for guest in guests if guest.content_hash not in _measured_blocks(world)] == []


def test_elites_record_what_was_best(task: Task, outside: Callable[..., Any], writer: Callable[..., str]) -> None:
    """The history that lineage mutation reads ends in the unit's own text while it leads (3.2.2)."""
    world = outside(task, fitness=_quality, writer=writer)
    world.drive(promptbreeder(task, Random(10), SHORT))
    final = world.generations[-1].units
    assert any(unit.elites and unit.elites[-1] == unit.prompt.instruction for unit in final)


def test_the_drafts_of_a_generation_go_out_together(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Five children at once need at most as many batches as the longest operator has rounds."""
    world = outside(task, writer=writer)
    world.drive(promptbreeder(task, Random(11), replace(PAPER_SMALL, generations=8, few_shot=False)))
    marks = [index for index, ask in enumerate(world.asks) if type(ask) is Immigrants]
    batches = [sum(type(ask) is Write for ask in world.asks[a:b]) for a, b in pairwise(marks)]
    assert max(batches) <= 4
    assert max(len(ask.drafts) for ask in world.of_kind(Write)[2:]) > 2


@pytest.mark.parametrize("garbage", ["", "billing", "echo", "I'm sorry, I cannot help with that."])
@pytest.mark.parametrize("profile", [replace(SHORT, samples=1), replace(PAPER_SMALL, generations=3)])
def test_a_run_never_dies_of_garbage(
    garbage: str,
    profile: Any,  # noqa: ANN401  a profile
    task: Task,
    outside: Callable[..., Any],
) -> None:
    """It ends with a full population and a count of what was refused, by reason."""
    world = outside(task, writer=(lambda draft: draft.messages[-1].content) if garbage == "echo" else lambda _: garbage)
    world.drive(promptbreeder(task, Random(12), profile))
    final = world.generations[-1]
    assert len(final.units) == profile.survivors
    assert sum(final.rejected.values()) == final.written == len(world.drafts) > 0


@pytest.mark.parametrize("train", [0, 1])
@pytest.mark.parametrize("labels", [(), ("billing", "delivery", "technical")])
def test_tiny_tasks_run_to_the_end(
    train: int, labels: tuple[str, ...], task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """No labels, no train examples, one block: still a run."""
    changes = {"train": task.train[:train], "labels": labels, "decodings": ("free",), "blocks": 1}
    small = task.model_copy(update=changes)
    for profile in (SHORT, replace(PAPER_SMALL, generations=3)):
        world = outside(small, writer=writer)
        world.drive(promptbreeder(small, Random(13), profile))
        assert world.generations[-1].number == profile.generations
