"""What is remembered of measurements."""

from collections.abc import Callable
from typing import Any

import pytest

from promptbreeder.errors import ReplayMismatch
from promptbreeder.evolution.asking import write
from promptbreeder.evolution.asks import Draft, Measure, Measured, Score, Task, Unit, Written
from promptbreeder.evolution.ledger import Ledger
from promptbreeder.prompt import Prompt

ONE, TWO, THREE = (Prompt(instruction=text) for text in ("one", "two", "three"))


def test_scores_go_to_the_prompts_they_were_measured_for(task: Task, outside: Callable[..., Any]) -> None:
    """Fitness is paired by position in the ask, not by the order in which anything completes."""
    ledger = Ledger(task.blocks)
    world = outside(task, fitness=lambda prompt, _: {"one": 0.1, "two": 0.2, "three": 0.3}[prompt.instruction])
    world.drive(ledger.measure([THREE, ONE, TWO], [4]))
    noted = [ledger.noted(Unit(prompt=prompt, mutation_prompt="m")) for prompt in (ONE, TWO, THREE)]
    assert [unit.score and unit.score.fitness for unit in noted] == [0.1, 0.2, 0.3]


def test_nothing_is_asked_twice(task: Task, outside: Callable[..., Any]) -> None:
    """Budgets charge repeated measurements in full, so there are none."""
    ledger, world = Ledger(task.blocks), outside(task)
    world.drive(ledger.measure([ONE, TWO, ONE], [0]))
    world.drive(ledger.measure([ONE, THREE], [0, 1]))
    asked = [(prompt.instruction, ask.blocks) for ask in world.of_kind(Measure) for prompt in ask.prompts]
    assert asked == [("one", (0,)), ("two", (0,)), ("three", (0,)), ("one", (1,)), ("three", (1,))]
    assert ledger.missing(ONE) == (2, 3, 4, 5)


def test_what_has_lost_its_race_is_left_where_it_stands(task: Task, outside: Callable[..., Any]) -> None:
    """The next one goes on, nothing is asked of the loser again, and what was measured of it stays known."""

    class Race(outside):  # type: ignore[misc, valid-type]  # a fixture is no static base class
        def score(self, prompt: Prompt, blocks: tuple[int, ...]) -> Score:
            if prompt == ONE and blocks[0] >= 2:
                return Score(fitness=0.0, accuracy=0.0, items=0, complete=False)
            score: Score = super().score(prompt, blocks)
            return score

    ledger, world = Ledger(task.blocks), Race(task)
    world.drive(ledger.race([ONE, TWO]))
    world.drive(ledger.race([ONE], 1))
    asked = [(prompt.instruction, ask.blocks[0]) for ask in world.of_kind(Measure) for prompt in ask.prompts]
    assert asked == [("one", 0), ("one", 1), ("one", 2), *(("two", block) for block in range(6))]
    assert all(ask.race for ask in world.of_kind(Measure))
    assert (ledger.known(ONE), ledger.may_win(ONE), ledger.may_win(TWO)) == ((0, 1), False, True)


def test_two_prompts_are_compared_on_the_blocks_they_share(task: Task, outside: Callable[..., Any]) -> None:
    """An easy block that only one has seen says nothing about the difference."""
    ledger = Ledger(task.blocks)
    world = outside(
        task, fitness=lambda prompt, block: 0.9 if block == 1 else {"one": 0.4, "two": 0.5}[prompt.instruction]
    )
    world.drive(ledger.measure([ONE], [0, 1]))
    world.drive(ledger.measure([TWO], [0]))
    assert ledger.advantage(TWO, ONE) == pytest.approx(0.1)
    assert ledger.advantage(TWO, THREE) == 0


def test_estimates_take_the_difficulty_of_blocks_out(task: Task, outside: Callable[..., Any]) -> None:
    """A good prompt that met the hard block ranks above a poor one that met the easy block."""
    ledger = Ledger(task.blocks)
    skill, ease = {"one": 0.0, "two": 0.2, "three": 0.1}, {0: 0.1, 1: 0.6}
    world = outside(task, fitness=lambda prompt, block: skill[prompt.instruction] + ease[block])
    world.drive(ledger.measure([THREE], [0, 1]))
    world.drive(ledger.measure([TWO], [0]))
    world.drive(ledger.measure([ONE], [1]))
    estimates = ledger.estimates()
    assert estimates[TWO.content_hash] > estimates[THREE.content_hash] > estimates[ONE.content_hash]


def test_an_incomplete_score_is_not_kept(task: Task) -> None:
    """Half a block is no measurement of a block."""
    ledger = Ledger(task.blocks)
    steps = ledger.measure([ONE], [0])
    next(steps)
    score = {"fitness": 1.0, "accuracy": 1.0, "items": 3, "complete": False}
    with pytest.raises(StopIteration):
        steps.send(Measured.model_validate({"scores": (score,)}))
    assert ledger.known(ONE) == ()


@pytest.mark.parametrize("answer", [Measured(scores=()), Written(texts=("one", "too many"))])
def test_an_answer_that_does_not_fit_its_ask_is_refused(answer: Any) -> None:  # noqa: ANN401  wrong on purpose
    """A journal of other code cannot be replayed into this one."""
    steps = write((Draft(messages=(), seed=1),))
    next(steps)
    with pytest.raises(ReplayMismatch, match="start a new run"):
        steps.send(answer)
