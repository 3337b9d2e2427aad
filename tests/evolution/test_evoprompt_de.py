"""EvoPrompt's differential evolution (arXiv 2309.08532, section 3.3)."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.evoprompt_profiles import DE_PROFILES
from promptbreeder.evolution.strategies.evoprompt_de import evoprompt_de
from promptbreeder.prompt import Prompt

PAPER, SMALL = DE_PROFILES["paper"], DE_PROFILES["smollm2"]
TEXTS = (
    "Sort the ticket into a queue. Be quick.",
    "Sort the ticket into a queue. Think of the customer.",
    "Sort the ticket into a queue. Name the team.",
    "Sort the ticket into a queue. Look at what is asked.",
)


@pytest.fixture
def four(task: Task) -> Task:
    """Return the task with four seeds that share a phrase."""
    return task.model_copy(update={"seeds": tuple(Prompt(instruction=text) for text in TEXTS)})


def _by_hash(prompt: Prompt, block: int) -> float:
    del block
    return int(prompt.content_hash[:6], 16) / 16**6


def test_a_child_replaces_its_own_parent_and_only_if_it_is_better(
    four: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Every place holds the better of the member and its own child, whatever the others have (3.3, update)."""
    world = outside(four, fitness=_by_hash, writer=lambda draft: f"Final: {writer(draft)}")
    world.drive(evoprompt_de(four, Random(1), replace(PAPER, population=4, generations=6)))
    replaced = 0
    for before, after in pairwise(world.generations[1:-1]):
        for place in range(4):
            parent, child = before.units[place], before.units[4 + place]
            assert child.parents[0] == parent.prompt.content_hash
            better = child if _by_hash(child.prompt, 0) > _by_hash(parent.prompt, 0) else parent
            assert after.units[place].prompt == better.prompt
            replaced += better is child
    assert 0 < replaced < 20


def test_a_child_that_is_only_as_good_does_not_replace(four: Task, outside: Callable[..., Any]) -> None:
    """Where no prompt makes a difference the population stays what it was."""
    world = outside(four)
    world.drive(evoprompt_de(four, Random(1), replace(SMALL, population=4)))
    assert sorted(unit.prompt.instruction for unit in world.generations[-1].units) == sorted(TEXTS)


def test_the_papers_request_names_two_others_the_best_and_the_current_prompt(
    four: Task, outside: Callable[..., Any]
) -> None:
    """All four steps in one request (Figure 2), for each current prompt; the last step's text is the child."""
    reply = " ends\nChanged: other ends\nCombined: Sort it.\nFinal: Find the office that can help this customer."
    best = TEXTS[2]
    world = outside(four, fitness=lambda prompt, _: float(prompt.instruction == best), writer=lambda _: reply)
    world.drive(evoprompt_de(four, Random(1), replace(PAPER, population=4, generations=1)))
    assert len(world.drafts) == 4
    for current, draft in zip(TEXTS, world.drafts, strict=True):
        task_line, left, right, leader, mine, *steps = draft.messages[-1].content.splitlines()
        others = [line.partition(": ")[2] for line in (left, right)]
        assert task_line == f"Task: {four.description}"
        assert (leader, mine) == (f"Best: {best}", f"Current: {current}")
        assert len(dict.fromkeys(others)) == 2
        assert current not in others
        assert steps == [
            "Do this in four steps.",
            "Different: list the parts in which A and B differ.",
            "Changed: mutate each of these parts at random.",
            "Combined: put the changed parts into Best, each in place of a part of it.",
            "Final: cross the combined instruction with Current to make one new instruction for the task.",
        ]
        assert draft.opening == "Different:"
    assert world.generations[1].units[4].prompt.instruction == "Find the office that can help this customer."


def test_a_small_writer_rewords_one_phrase_in_which_the_two_differ(four: Task, outside: Callable[..., Any]) -> None:
    """What the two share is never put to the writer; the reworded phrase comes into some child."""
    world = outside(four, writer=lambda _: "Mind the ticket's own words.", fitness=_by_hash)
    world.drive(evoprompt_de(four, Random(2), replace(SMALL, population=4, generations=1, samples=1)))
    endings = [text.split(". ")[1] for text in TEXTS]
    for draft in world.drafts:
        change, phrase = draft.messages[-1].content.splitlines()
        assert change.startswith("Change: ")
        assert phrase.removeprefix("Instruction: ") in endings
    children = world.generations[1].units[4:]
    assert any("Mind the ticket's own words." in child.prompt.instruction for child in children)
    assert all(child.operator.startswith("evoprompt-de") for child in children)
    assert all(len(child.parents) in (3, 4) for child in children)


def test_without_a_writer_children_still_combine_what_there_is(four: Task, outside: Callable[..., Any]) -> None:
    """Phrases of others, of the best and of the current prompt, none of them twice."""
    world = outside(four, fitness=_by_hash)
    world.drive(evoprompt_de(four, Random(2), replace(SMALL, population=4, generations=3)))
    children = [unit for unit in world.generations[1].units[4:] if unit.operator == "evoprompt-de"]
    assert children
    for child in children:
        phrases = child.prompt.instruction.split(". ")
        assert len(phrases) == len(dict.fromkeys(phrases))


def test_the_mark_for_the_item_survives(task: Task, outside: Callable[..., Any], writer: Callable[..., str]) -> None:
    """A template's placeholder is left where it is."""
    seeds = tuple(Prompt(instruction=f"{text} Ticket: {{{{input}}}}") for text in TEXTS)
    marked = task.model_copy(update={"seeds": seeds})
    world = outside(marked, writer=writer, fitness=_by_hash)
    world.drive(evoprompt_de(marked, Random(2), replace(SMALL, population=4)))
    assert all(unit.prompt.instruction.count("{{input}}") == 1 for unit in world.generations[-1].units)
