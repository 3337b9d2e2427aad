"""The strategy that spends one budget over all operators."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from promptbreeder.evolution.asks import Immigrants, Measure, Strategy, Task, Write
from promptbreeder.evolution.auto_profiles import AUTO_PROFILES, WRITERLESS, WRITTEN
from promptbreeder.evolution.credit import Record
from promptbreeder.evolution.influence import Influence
from promptbreeder.evolution.operators import OPERATORS
from promptbreeder.evolution.strategies import choose
from promptbreeder.prompt import Prompt


def _begin(task: Task, seed: int, generations: int) -> Strategy:
    return choose("auto", None, generations=generations, population=None).begin(task, Random(seed))


def _made(world: Any) -> Counter[str]:  # noqa: ANN401  the outside of conftest
    """Return how many children each operator had, each prompt counted once."""
    told = {unit.prompt.content_hash: unit for each in world.generations[:0:-1] for unit in each.units if unit.parents}
    return Counter(unit.operator.partition("+")[0] for unit in told.values())


def test_what_needs_no_writer_is_tried_first(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """A writer re-describes the task at the start; the first children come from demonstrations, decoding and edits."""
    world = outside(task, writer=writer)
    world.drive(_begin(task, 1, 12))
    start = world.generations[0]
    later = world.asks[world.asks.index(start) :]
    before = later[: next(n for n, ask in enumerate(later) if isinstance(ask, Write))]
    assert len([ask for ask in before if ask in world.generations]) == AUTO_PROFILES["smollm2"].writerless + 1
    assert {unit.prompt.decoding for unit in start.units} > {"free"}
    assert any(unit.prompt.demonstrations for unit in start.units)


def test_the_operator_whose_children_win_is_tried_most(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Here only texts of the writer help, and each new one more than the last: credit overrules the priors."""
    made = Counter[str]()
    for seed in (1, 2, 3):
        order: list[str] = []

        def fitness(prompt: Prompt, _: int, order: list[str] = order) -> float:
            if "Weigh" not in prompt.instruction:
                return 0.1
            order.extend([prompt.instruction] if prompt.instruction not in order else [])
            return 0.2 + 0.005 * order.index(prompt.instruction)

        world = outside(task, writer=writer, fitness=fitness)
        world.drive(_begin(task, seed, 60))
        made += _made(world)
    assert sum(made[name] for name in WRITTEN) > 2 * sum(made[name] for name in WRITERLESS)


def test_what_won_elsewhere_is_tried_first(task: Task, outside: Callable[..., Any]) -> None:
    """Records of other skills, handed in with the task, steer the first generations."""
    counts = []
    for record in (Record(60, 60), Record(0, 60)):
        known = task.model_copy(update={"priors": {"layout": record, "unknown operator": Record(9, 9)}})
        made = Counter[str]()
        for seed in range(4):
            world = outside(known)
            world.drive(_begin(known, seed, 2))
            made += _made(world)
        counts.append(made["layout"])
    assert counts[0] > 3 * counts[1]


def test_no_operator_starves(task: Task, outside: Callable[..., Any], writer: Callable[..., str]) -> None:
    """In a long search every operator is tried, also where nothing ever gets better."""
    world = outside(task, writer=writer, fitness=lambda _, __: 0.5)
    world.drive(_begin(task, 3, 80))
    assert set(_made(world)) >= {*WRITERLESS, *WRITTEN}
    assert {*WRITERLESS, *WRITTEN} <= set(OPERATORS)


def test_a_guest_is_measured_in_the_generation_that_it_arrives_in(task: Task, outside: Callable[..., Any]) -> None:
    """And where it is good, it is a parent from then on."""
    guest = task.seeds[0].but(instruction="A guest's idea of sorting.")
    world = outside(task, guests=(guest,), fitness=lambda prompt, _: 0.9 if prompt == guest else 0.4)
    world.drive(_begin(task, 4, 3))
    arrived = next(index for index, ask in enumerate(world.asks) if isinstance(ask, Immigrants))
    later = next(index for index, ask in enumerate(world.asks) if isinstance(ask, Immigrants) and index > arrived)
    measured = [ask for ask in world.asks[arrived:later] if isinstance(ask, Measure)]
    assert any(guest in ask.prompts for ask in measured)
    assert any(guest.content_hash in unit.parents for each in world.generations for unit in each.units)


@pytest.mark.parametrize("seed", range(3))
def test_the_fittest_live_on(seed: int, task: Task, outside: Callable[..., Any]) -> None:
    """The best that was ever measured in full is among the last."""
    scores: dict[str, float] = {}

    def fitness(prompt: Prompt, _: int) -> float:
        return scores.setdefault(prompt.content_hash, Random(prompt.content_hash).random())

    world = outside(task, fitness=fitness)
    world.drive(_begin(task, seed, 8))
    assert max(unit.score.fitness for unit in world.generations[-1].units) == pytest.approx(max(scores.values()))


def test_the_examples_that_help_are_shown_more(
    task: Task, outside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of the examples help: lists get further with what earlier lists told of them than by selection alone."""
    good = {example.input for example in task.train[:6]}

    def fitness(prompt: Prompt, _: int) -> float:
        shown = [shot.input in good for shot in prompt.demonstrations]
        return 0.2 + (sum(shown) / len(shown) * 0.6 if shown else 0.0)

    def found() -> float:
        every = []
        for seed in range(6):
            world = outside(task, fitness=fitness)
            world.drive(_begin(task, seed, 10))
            every += [fitness(prompt, 0) for ask in world.of_kind(Measure) for prompt in ask.prompts]
        return sum(every) / len(every)

    learnt = found()
    monkeypatch.setattr("promptbreeder.evolution.ledger.influence", lambda _: Influence())
    assert learnt > found() + 0.02
