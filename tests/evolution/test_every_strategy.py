"""What holds of every strategy, whatever its selection."""

from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptbreeder.evolution.asks import Draft, Measure, Strategy, Task
from promptbreeder.evolution.strategies import choose
from promptbreeder.prompt import Prompt

NAMES = ("auto", "promptbreeder", "evoprompt-ga", "evoprompt-de", "opro")
NEEDS_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")
EVERY = pytest.mark.parametrize(
    ("name", "profile"),
    [
        *((name, "smollm2") for name in NAMES),
        *((name, "paper") for name in NAMES[2:]),
        *(pytest.param("mipro", profile, marks=NEEDS_OPTUNA) for profile in ("smollm2", "paper")),
    ],
)


def _begin(
    name: str, profile: str, task: Task, seed: int, *, generations: int = 3, seed_with: str | None = None
) -> Strategy:
    chosen = choose(name, profile, generations=generations, population=None, seed_with=seed_with)
    return chosen.begin(task, Random(seed))


def _quality(prompt: Prompt, block: int) -> float:
    """How well a simulated tiny executor does: by decoding, demonstrations and a label list, and by the block."""
    by_decoding = {"free": 0.0, "constrained": 0.1, "calibrated": 0.3}[prompt.decoding]
    shown = 0.03 * min(6, len(prompt.demonstrations))
    return 0.2 + by_decoding + shown + 0.08 * ("one of:" in prompt.instruction) + 0.02 * (block % 3)


def _measured(asks: list[Any]) -> dict[str, list[int]]:
    blocks: dict[str, list[int]] = {}
    for ask in asks:
        if isinstance(ask, Measure):
            for prompt in ask.prompts:
                blocks.setdefault(prompt.content_hash, []).extend(ask.blocks)
    return blocks


@EVERY
def test_the_search_climbs_above_its_seed_without_a_writer(
    name: str, profile: str, task: Task, outside: Callable[..., Any]
) -> None:
    """With a silent writer, the best prompt measured on all blocks is far better than the one given."""
    world = outside(task, fitness=_quality)
    world.drive(_begin(name, profile, task, 1, generations=8))
    complete = [unit.score for unit in world.generations[-1].units if unit.score and unit.score.items == 96]
    assert max(score.fitness for score in complete) > _quality(task.seeds[0], 1) + 0.25


@EVERY
@pytest.mark.parametrize("garbage", ["", "billing", "echo", "I'm sorry, I cannot help with that."])
def test_a_run_never_dies_of_garbage(
    garbage: str, name: str, profile: str, task: Task, outside: Callable[..., Any]
) -> None:
    """It goes on with steps that need no writer, and counts what was refused, by reason."""

    def writer(draft: Draft) -> str:
        request = draft.messages[-1].content
        reply = request if garbage == "echo" else garbage
        return f"Final: {reply}" if "Final:" in request else reply

    world = outside(task, writer=writer)
    # `auto` comes to the writer after the edits that need none.
    generations = 8 if name == "auto" else 3
    world.drive(_begin(name, profile, task, 2, generations=generations))
    final = world.generations[-1]
    assert final.number == generations
    assert sum(final.rejected.values()) == final.written == len(world.drafts) > 0
    taken = [unit.prompt.instruction for told in world.generations for unit in told.units]
    assert [text for text in taken if "sorry" in text or "Final" in text or "Change:" in text] == []


@EVERY
@pytest.mark.parametrize("train", [0, 1])
@pytest.mark.parametrize("labels", [(), ("billing", "delivery", "technical")])
def test_tiny_tasks_run_to_the_end(  # noqa: PLR0917  fixtures
    train: int,
    labels: tuple[str, ...],
    name: str,
    profile: str,
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
) -> None:
    """No labels, no train examples, one block, an empty prompt to start from: still a run."""
    changes = {"train": task.train[:train], "labels": labels, "decodings": ("free",), "blocks": 1}
    for seeds in (task.seeds, (Prompt(instruction=""),)):
        small = task.model_copy(update={**changes, "seeds": seeds})
        for write in (writer, lambda _: ""):
            world = outside(small, writer=write, fitness=_quality)
            world.drive(_begin(name, profile, small, 3))
            assert world.generations[-1].number == 3


@EVERY
def test_the_best_are_measured_on_all_blocks_at_the_end(
    name: str, profile: str, task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """A run that ends by itself leaves several complete prompts to choose from; none is measured twice on a block."""
    world = outside(task, fitness=_quality, writer=writer)
    world.drive(_begin(name, profile, task, 4))
    scores = [unit.score for unit in world.generations[-1].units if unit.score]
    assert sum(score.items == 96 for score in scores) >= 2
    assert all(len(blocks) == len(dict.fromkeys(blocks)) for blocks in _measured(world.asks).values()), "asked twice"


BUDGETED = [
    *((name, items) for name in NAMES[2:] for items in (300, 600, 1000)),
    # Twenty prompts are looked at first, which takes 320 items.
    *(("auto", items) for items in (600, 1000)),
    *(pytest.param("mipro", items, marks=NEEDS_OPTUNA) for items in (300, 600, 1000)),
]


@pytest.mark.parametrize(("name", "items"), BUDGETED)
def test_whenever_the_budget_ends_there_is_a_complete_candidate(
    items: int, name: str, task: Task, outside: Callable[..., Any]
) -> None:
    """The small profiles measure one prompt in full before the first generation, and more as they go on."""
    complete = []
    for seed in range(4):
        world, spent = outside(task, fitness=_quality), 0
        steps = _begin(name, "smollm2", task, seed, generations=40)
        ask: Any = next(steps)
        while spent + 16 * len(getattr(ask, "prompts", ())) <= items:
            spent += 16 * len(getattr(ask, "prompts", ()))
            world.asks.append(ask)
            with suppress(StopIteration):
                ask = steps.send(world.answer(ask))
                continue
            break
        steps.close()
        complete.append(sum(len(blocks) == task.blocks for blocks in _measured(world.asks).values()))
    assert min(complete) >= 1
    assert items < 1000 or max(complete) > 1


@EVERY
def test_guests_are_measured_however_many(
    name: str, profile: str, task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """What a user hands in is never dropped unseen, and never measured twice."""
    guests = tuple(task.seeds[0].but(instruction=f"Guest number {n} sorts tickets.") for n in range(15))
    world = outside(task, fitness=_quality, guests=(*guests, guests[0], task.seeds[0]), writer=writer)
    world.drive(_begin(name, profile, task, 6))
    blocks = _measured(world.asks)
    assert [guest for guest in guests if guest.content_hash not in blocks] == []
    told = [unit for each in world.generations for unit in each.units if unit.prompt in guests]
    assert [unit.operator for unit in told[:15]] == ["immigrant"] * 15


@EVERY
def test_a_good_guest_stays(name: str, profile: str, task: Task, outside: Callable[..., Any]) -> None:
    """A prompt from outside that beats all others is among the last."""
    guest = task.seeds[0].but(instruction="A guest's idea of sorting.")
    world = outside(task, guests=(guest,), fitness=lambda prompt, _: 0.9 if prompt == guest else 0.4)
    world.drive(_begin(name, profile, task, 7))
    assert guest in [unit.prompt for unit in world.generations[-1].units]


@EVERY
def test_where_a_prompt_comes_from_is_told_before_it_is_measured(
    name: str, profile: str, task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """A budget may end in the middle of a generation; whatever wins then has its lineage on record."""
    world = outside(task, fitness=_quality, writer=writer)
    world.drive(_begin(name, profile, task, 8))
    known: list[str] = []
    begun = False
    for ask in world.asks:
        if ask in world.generations:
            begun = True
            known += [unit.prompt.content_hash for unit in ask.units]
            assert all(
                unit.parents or unit.operator in ("seed", "varied start", "re-description") for unit in ask.units
            )
        elif begun and isinstance(ask, Measure) and name != "promptbreeder":
            assert all(prompt.content_hash in known for prompt in ask.prompts)


@EVERY
@given(seed=st.integers(0, 2**32), stop=st.integers(0, 60), noise=st.randoms(use_true_random=False))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stopped_run_goes_on_from_its_journal_as_if_never_stopped(  # noqa: PLR0917  fixtures
    name: str,
    profile: str,
    seed: int,
    stop: int,
    noise: Random,
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
) -> None:
    """The journaled answers bring a new generator to the very ask at which the old one was stopped."""
    world = outside(
        task,
        writer=lambda draft: noise.choice(("", "billing", f"Final: {writer(draft)}", writer(draft))),
        fitness=lambda _, __: noise.random(),
        guests=(task.seeds[0].but(instruction="A guest's idea of sorting."),),
    )
    seeding = "opro" if name != "opro" and seed % 2 else None
    world.drive(_begin(name, profile, task, seed, seed_with=seeding))
    replayed = _begin(name, profile, task, seed, seed_with=seeding)
    answer = None
    for ask, journaled in list(zip(world.asks, world.answers, strict=True))[: stop + 1]:
        assert (next(replayed) if answer is None else replayed.send(answer)) == ask
        answer = type(journaled).model_validate_json(journaled.model_dump_json())
    replayed.close()
