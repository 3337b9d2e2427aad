"""What every operator must do, whichever it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Task, Unit
from promptbreeder.evolution.operators import OPERATORS, mutated
from promptbreeder.evolution.operators.modelfree import MOVES
from promptbreeder.evolution.profiles import PROFILES
from promptbreeder.skill import Example

WRITERS = [name for name in OPERATORS if name not in MOVES and name != "remedy"]


def _parent(population: tuple[Unit, ...], **changes: Any) -> Unit:  # noqa: ANN401  fields of a prompt
    unit = population[0].model_copy(update={"elites": tuple(member.prompt.instruction for member in population)})
    return unit.model_copy(update={"prompt": unit.prompt.but(**changes)})


@pytest.mark.parametrize("name", WRITERS)
def test_no_operator_is_a_stub(  # noqa: PLR0917  fixtures
    name: str,
    population: tuple[Unit, ...],
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
    context: Callable[..., Any],
) -> None:
    """With a willing writer each makes a new instruction, and asks for it."""
    world = outside(task, writer=writer)
    parent = _parent(population)
    child = world.drive(OPERATORS[name](parent, population, context(seed=3)))
    assert child.prompt.instruction != parent.prompt.instruction
    assert child.operator == name
    assert child.parents[0] == parent.prompt.content_hash
    assert world.drafts


@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("lineage", "differential")])
def test_both_task_prompts_are_mutated(  # noqa: PLR0917  fixtures
    name: str,
    population: tuple[Unit, ...],
    task: Task,
    outside: Callable[..., Any],
    writer: Callable[..., str],
    context: Callable[..., Any],
) -> None:
    """With two task-prompts an operator is applied to each (section 3)."""
    both = tuple(_parent((unit,), second_instruction=f"Conclude in way {n}.") for n, unit in enumerate(population))
    child = outside(task, writer=writer).drive(OPERATORS[name](both[0], both, context()))
    assert child.prompt.instruction != both[0].prompt.instruction
    assert child.prompt.second_instruction not in ("", both[0].prompt.second_instruction)


def test_a_remedy_is_what_the_failures_call_for(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """Where all fails the prompt is changed without a writer; where nothing fails there is nothing to do."""
    failing = outside(task, right=lambda _: False)
    child = failing.drive(OPERATORS["remedy"](population[0], population, context()))
    assert (child.operator, child.parents) == ("remedy", (population[0].prompt.content_hash,))
    assert child.prompt != population[0].prompt
    assert not failing.drafts
    assert outside(task).drive(OPERATORS["remedy"](population[0], population, context())) is population[0]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("garbage", ["", "billing", "echo"])
@pytest.mark.parametrize("train", [0, 1, 18])
def test_garbage_still_ends_in_a_new_child(  # noqa: PLR0917  fixtures
    name: str,
    garbage: str,
    train: int,
    population: tuple[Unit, ...],
    task: Task,
    outside: Callable[..., Any],
    context: Callable[..., Any],
) -> None:
    """A writer that gives nothing usable is replaced by a model-free move, however few examples there are."""
    small = task.model_copy(update={"train": task.train[:train]})
    world = outside(
        small, writer=(lambda draft: draft.messages[-1].content) if garbage == "echo" else lambda _: garbage
    )
    child = world.drive(mutated(name, _parent(population), population, context(task_=small, reasks=1)))
    assert child.prompt.content_hash not in [unit.prompt.content_hash for unit in population]
    assert child.score is None


def test_a_duplicate_is_accepted_where_nothing_can_vary(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """A run goes on even if no move finds anything new."""
    bare = task.model_copy(update={"labels": (), "decodings": ("free",), "train": (), "max_instruction_characters": 5})
    made = context(task_=bare)
    everywhere = population
    for _ in range(200):
        child = outside(bare).drive(mutated("first-order", population[0], everywhere, made))
        everywhere = (*everywhere, child)
    assert len(everywhere) == 204


def test_an_unknown_operator_is_refused_with_the_choices(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """A typing error in a profile is told at once."""
    with pytest.raises(InvalidInput, match="first-order"):
        outside(task).drive(mutated("frist-order", population[0], population, context()))


def test_profiles_name_existing_operators_and_the_paper_draws_uniformly() -> None:
    """Section 3.2: the operator is drawn uniformly."""
    for profile in PROFILES.values():
        assert [name for name, _ in profile.operators if name not in OPERATORS] == []
    assert [weight for _, weight in PROFILES["paper"].operators] == [1.0] * 8
    assert replace(PROFILES["paper"], population=10).population == 10


def test_without_labels_nothing_speaks_of_labels(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """A free-text skill gets no label list, no label demand and no other decoding."""
    train = (Example(input="wolf", expected="wolves"), Example(input="city", expected="cities"))
    free = task.model_copy(update={"labels": (), "decodings": ("free",), "train": train})
    for seed in range(60):
        for name in MOVES:
            child = outside(free).drive(mutated(name, population[0], population, context(seed, free)))
            assert "label" not in child.prompt.model_dump_json().casefold()
            assert "one of" not in child.prompt.instruction
            assert child.prompt.decoding == "free"
