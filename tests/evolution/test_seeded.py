"""One strategy seeding another."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Handover, Immigrants, Measure, Task
from promptbreeder.evolution.strategies import choose
from promptbreeder.prompt import Prompt


def _by_hash(prompt: Prompt, block: int) -> float:
    del block
    return int(prompt.content_hash[:6], 16) / 16**6


def _chosen(name: str, seed_with: str, profile: str | None = None, **numbers: int | None) -> Any:  # noqa: ANN401  chosen
    given: dict[str, Any] = {"generations": 9, "population": None, **numbers}
    return choose(name, profile, seed_with=seed_with, **given)


@pytest.mark.parametrize("profile", ["smollm2", "paper"])
def test_the_first_strategys_best_are_the_seconds_first_population(
    profile: str, task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """After the production prompt come those measured on most examples, the fittest first."""
    world = outside(task, writer=lambda draft: f"Final: {writer(draft)}", fitness=_by_hash)
    world.drive(_chosen("evoprompt-ga", "opro", profile).begin(task, Random(1)))
    handed = [told.number for told in world.generations].index(4)
    found, taken = world.generations[handed - 1].units, world.generations[handed].units
    complete = [unit.prompt for unit in found if unit.score and unit.score.items == 96 and unit.prompt != task.seeds[0]]
    complete.sort(key=lambda prompt: -_by_hash(prompt, 0))
    expected = [task.seeds[0], *complete][: len(taken)]
    assert len(expected) >= 4
    assert all(prompt in [unit.prompt for unit in taken] for prompt in expected)


def test_both_are_told_of_as_one_search(task: Task, outside: Callable[..., Any], writer: Callable[..., str]) -> None:
    """Generations are counted on, a third of them the first strategy's; refusals are summed."""
    world = outside(task, writer=lambda draft: writer(draft) if draft.seed % 2 else "", fitness=_by_hash)
    world.drive(_chosen("evoprompt-ga", "promptbreeder").begin(task, Random(2)))
    numbers = [told.number for told in world.generations]
    assert list(dict.fromkeys(numbers)) == list(range(11))
    assert numbers == sorted(numbers)
    assert {told.total for told in world.generations} == {10}
    written = [told.written for told in world.generations]
    assert written == sorted(written)
    assert written[-1] == len(world.drafts)
    refused = [told.rejected.get("empty", 0) for told in world.generations]
    assert refused == sorted(refused)
    assert refused[-1] >= refused[3] > 0


def test_a_first_strategy_that_has_had_its_share_hands_over_all_that_it_measured(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """It has made one generation, which was measured before, and has written nothing that nobody measures."""
    world = outside(task, writer=writer, fitness=_by_hash, spent=True)
    world.drive(_chosen("auto", "opro").begin(task, Random(8)))
    made = world.generations[1]
    children = [unit.prompt for unit in made.units if unit.operator == "opro"]
    told, over = world.asks.index(made), world.asks.index(Handover())
    measured = [ask for ask in world.asks[told + 1 : over] if isinstance(ask, Measure)]
    assert len(measured) == over - told - 1
    assert len(children) == 4
    assert all(child in measured[0].prompts for child in children)
    taken = next(ask for ask in world.asks[over:] if isinstance(ask, Measure))
    assert all(child in taken.prompts for child in children)
    assert [told.number for told in world.generations[:3]] == [0, 1, 2]
    assert world.asks.count(Handover()) == 1


def test_guests_reach_whichever_strategy_is_at_work(task: Task, outside: Callable[..., Any]) -> None:
    """Both ask for immigrants."""
    world = outside(task, fitness=_by_hash)
    world.drive(_chosen("evoprompt-de", "evoprompt-ga").begin(task, Random(3)))
    assert len(world.of_kind(Immigrants)) == 9


def test_a_closed_search_closes_the_strategy_at_work(task: Task) -> None:
    """The runner ends a search at any ask."""
    steps = _chosen("opro", "promptbreeder").begin(task, Random(5))
    next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_candidates_are_the_first_strategys_to_try() -> None:
    """So many given prompts as its first population takes go in at once."""
    assert _chosen("evoprompt-ga", "opro").room == choose("opro", None, generations=None, population=None).room == 20
    assert _chosen("opro", "evoprompt-ga").room == 5


def test_the_number_of_members_is_the_second_strategys(task: Task, outside: Callable[..., Any]) -> None:
    """OPRO has no population, and does not mind when it only seeds one."""
    world = outside(task, fitness=_by_hash)
    world.drive(_chosen("evoprompt-ga", "opro", population=3).begin(task, Random(6)))
    assert len(world.generations[-1].units) == 3


def test_a_profile_that_the_first_does_not_have_gives_way_to_its_default(
    task: Task, outside: Callable[..., Any]
) -> None:
    """`paper-small` is PromptBreeder's alone."""
    world = outside(task, fitness=_by_hash)
    world.drive(_chosen("promptbreeder", "opro", "paper-small", generations=3).begin(task, Random(7)))
    assert len(world.generations[0].units) == 8


def test_a_strategy_does_not_seed_itself() -> None:
    """A name given twice is a mistake, and so is one that does not exist."""
    with pytest.raises(InvalidInput, match="names opro itself"):
        _chosen("opro", "opro")
    with pytest.raises(InvalidInput, match="no strategy is called 'luck'"):
        _chosen("opro", "luck")
