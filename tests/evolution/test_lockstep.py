"""Operators advanced side by side."""

from collections.abc import Callable
from typing import Any

from promptbreeder.evolution.asking import Step, attempt, write
from promptbreeder.evolution.asks import Attempt, Draft, Task, Write
from promptbreeder.evolution.lockstep import together
from promptbreeder.prompt import Prompt


def _writing(name: str, rounds: int) -> Step[str]:
    said = name
    for round_ in range(rounds):
        said += "".join((yield from write((Draft(messages=(), opening=f"{name}{round_}", seed=0),))))
    return said


def _attempting() -> Step[str]:
    trials = yield from attempt(Prompt(instruction="x"), (0,))
    said = yield from write((Draft(messages=(), opening="late", seed=0),))
    return f"{trials[0].answer}{said[0]}"


def test_drafts_that_wait_together_are_one_ask_and_come_back_to_their_owner(
    task: Task, outside: Callable[..., Any]
) -> None:
    """Three operators with 1, 3 and 2 rounds need three batches, not six."""
    world = outside(task, writer=lambda draft: f"<{draft.opening}>")
    results = world.drive(together([_writing("a", 1), _writing("b", 3), _writing("c", 2)]))
    assert results == ("a<a0>", "b<b0><b1><b2>", "c<c0><c1>")
    assert [[draft.opening for draft in ask.drafts] for ask in world.asks] == [["a0", "b0", "c0"], ["b1", "c1"], ["b2"]]


def test_other_asks_pass_through(task: Task, outside: Callable[..., Any]) -> None:
    """An operator that attempts first joins the next batch."""
    world = outside(task, writer=lambda draft: f"<{draft.opening}>")
    assert world.drive(together([_attempting(), _writing("b", 2)])) == ("billing<late>", "b<b0><b1>")
    assert [type(ask) for ask in world.asks] == [Write, Attempt, Write]


def test_nothing_to_advance_asks_nothing(task: Task, outside: Callable[..., Any]) -> None:
    """A generation without tournaments goes by silently."""
    world = outside(task)
    assert world.drive(together([])) == ()
    assert world.asks == []
