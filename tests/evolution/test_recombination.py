"""Crossover and context shuffling (section 3.2.5)."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from promptbreeder.evolution.asks import Attempt, Task, Unit
from promptbreeder.evolution.operators.recombination import crossover, shuffle_context
from promptbreeder.prompt import Demonstration


def test_crossover_takes_a_task_prompt_in_proportion_to_fitness_and_keeps_the_mutation_prompt(
    population: tuple[Unit, ...], context: Callable[..., Any]
) -> None:
    """Fitter members give more often; mutation-prompts are never crossed."""
    made = context()
    drawn: Counter[str] = Counter()
    for _ in range(900):
        child = crossover(population[0], population, made)
        assert child.mutation_prompt == population[0].mutation_prompt
        assert child.score is None
        drawn[child.prompt.instruction] += 1
    # The others' fitness is 0.3, 0.4 and 0.5.
    assert drawn[population[3].prompt.instruction] > drawn[population[1].prompt.instruction] * 1.3
    assert drawn[population[0].prompt.instruction] == 0


def test_crossover_of_a_second_task_prompt_takes_a_second_task_prompt(
    population: tuple[Unit, ...], context: Callable[..., Any]
) -> None:
    """The two kinds are never mixed up."""
    both = tuple(
        unit.model_copy(update={"prompt": unit.prompt.but(second_instruction=f"Conclude {n}.")})
        for n, unit in enumerate(population)
    )
    made = context()
    for _ in range(40):
        child = crossover(both[0], both, made).prompt
        assert child.second_instruction.startswith("Conclude")
        assert not child.instruction.startswith("Conclude")


def test_crossover_without_another_text_changes_nothing(
    population: tuple[Unit, ...], context: Callable[..., Any]
) -> None:
    """A population of copies has nothing to exchange."""
    assert crossover(population[0], population[:1], context()) == population[0]


def test_only_correct_workings_out_enter_the_context(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """A wrong working-out would teach the mistake."""
    for seed in range(30):
        world = outside(task, right=lambda item: item < 6)
        child = world.drive(shuffle_context(population[0], context(seed)))
        assert all(shot.output.startswith("It is plain: ") for shot in child.prompt.demonstrations)
        right = [example.input for example in task.train[:6]]
        assert all(shot.input in right for shot in child.prompt.demonstrations)


def test_a_full_context_exchanges_one_and_is_drawn_anew_one_time_in_ten(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """The list stays within its size; most of it stays the same."""
    old = tuple(Demonstration(input=f"old {n}", output="billing") for n in range(4))
    unit = population[0].model_copy(update={"prompt": population[0].prompt.but(demonstrations=old)})
    kept: Counter[int] = Counter()
    for seed in range(200):
        child = outside(task).drive(shuffle_context(unit, context(seed, context_size=4)))
        assert len(child.prompt.demonstrations) == 4
        kept[sum(shot in old for shot in child.prompt.demonstrations)] += 1
    assert sorted(kept) == [0, 3]
    assert 8 <= kept[0] <= 35


def test_no_working_out_is_copied_from_the_list_that_it_enters(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """Whatever is attempted, the prompt that attempts it does not show it, also where the list is drawn anew."""
    shown = tuple(Demonstration(input=example.input, output="billing") for example in task.train[:4])
    unit = population[0].model_copy(update={"prompt": population[0].prompt.but(demonstrations=shown)})
    attempts = 0
    for seed in range(100):
        world = outside(task)
        world.drive(shuffle_context(unit, context(seed, context_size=4)))
        for ask in world.of_kind(Attempt):
            inputs = [shot.input for shot in ask.prompt.demonstrations]
            assert not any(task.train[item].input in inputs for item in ask.items)
            attempts += not inputs
    assert attempts >= 3


def test_without_train_examples_or_right_answers_the_context_stays(
    population: tuple[Unit, ...], task: Task, outside: Callable[..., Any], context: Callable[..., Any]
) -> None:
    """Nothing to attempt asks nothing; nothing right changes nothing."""
    empty = task.model_copy(update={"train": ()})
    world = outside(empty)
    assert world.drive(shuffle_context(population[0], context(1, empty))) == population[0]
    assert world.of_kind(Attempt) == []
    assert outside(task, right=lambda _: False).drive(shuffle_context(population[0], context())) == population[0]
