"""EvoPrompt's genetic algorithm (arXiv 2309.08532, section 3.2)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.evoprompt_profiles import GA_PROFILES
from promptbreeder.evolution.strategies.evoprompt_ga import evoprompt_ga
from promptbreeder.prompt import Prompt

PAPER, SMALL = GA_PROFILES["paper"], GA_PROFILES["smollm2"]
TEXTS = (
    "Sort the ticket into a queue.",
    "Name the team that should handle this message.",
    "Look at what the customer wants, then name the queue.",
    "Decide who has to solve the problem described here.",
)
FITNESS: dict[str, float] = dict(zip(TEXTS, (0.1, 0.2, 0.3, 0.4), strict=True))


@pytest.fixture
def four(task: Task) -> Task:
    """Return the task with four seeds, the fittest last."""
    return task.model_copy(update={"seeds": tuple(Prompt(instruction=text) for text in TEXTS)})


def _by_text(prompt: Prompt, block: int) -> float:
    del block
    return FITNESS.get(prompt.instruction, 0.0)


def test_parents_are_drawn_in_proportion_to_fitness_and_never_crossed_with_themselves(
    four: Task, outside: Callable[..., Any]
) -> None:
    """Roulette (3.2): with fitness 1 : 2 : 3 : 4 the fittest is first parent four times as often as the worst."""
    drawn: Counter[str] = Counter()
    for seed in range(150):
        world = outside(four, fitness=_by_text)
        world.drive(evoprompt_ga(four, Random(seed), replace(PAPER, population=4, generations=1)))
        texts = {prompt.content_hash: prompt.instruction for prompt in four.seeds}
        for child in world.generations[1].units[4:]:
            first, second = child.parents
            assert first != second
            drawn[texts[first]] += 1
    assert drawn.total() == 600
    assert [drawn[text] / 600 for text in TEXTS] == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.04)


def test_the_papers_request_asks_for_crossover_and_mutation_step_by_step(
    four: Task, outside: Callable[..., Any]
) -> None:
    """One request for both steps (Figure 1), the reply's last step being the child."""
    reply = " Name the queue.\nFinal: Find the office that can help this customer."
    world = outside(four, fitness=_by_text, writer=lambda _: reply)
    world.drive(evoprompt_ga(four, Random(1), replace(PAPER, population=4, generations=1)))
    child = world.generations[1].units[4]
    texts = {prompt.content_hash: prompt.instruction for prompt in four.seeds}
    one, other = (texts[parent] for parent in child.parents)
    draft = world.drafts[0]
    assert draft.messages[-1].content == (
        f"Task: {four.description}\nA: {one}\nB: {other}\nDo this in two steps.\n"
        "Crossed: cross A and B, taking something from each, to make one new instruction for the task.\n"
        "Final: mutate the crossed instruction, so that it says its thing in another way."
    )
    assert (draft.opening, draft.stop) == ("Crossed:", ())
    assert draft.messages[1].content.startswith("Crossed: ")
    assert "\nFinal: " in draft.messages[1].content
    assert (child.operator, child.prompt.instruction) == (
        "evoprompt-ga",
        "Find the office that can help this customer.",
    )


def test_a_reply_that_never_comes_to_the_final_step_is_refused(four: Task, outside: Callable[..., Any]) -> None:
    """The crossed text alone is no child."""
    world = outside(four, writer=lambda _: "Find the office that can help this customer.")
    world.drive(evoprompt_ga(four, Random(1), replace(PAPER, population=4, generations=1)))
    assert world.generations[-1].rejected == {"empty": world.generations[-1].written}
    assert all(unit.operator.startswith("evoprompt-ga+") for unit in world.generations[1].units[4:])


def test_a_small_writer_gets_two_texts_and_one_line(four: Task, outside: Callable[..., Any]) -> None:
    """Short, with worked pairs and an opened turn."""
    world = outside(four, fitness=_by_text)
    world.drive(evoprompt_ga(four, Random(1), replace(SMALL, population=4, generations=1, samples=1, reasks=0)))
    first, second = world.generations[1].units[4].parents
    texts = {prompt.content_hash: prompt.instruction for prompt in four.seeds}
    draft = world.drafts[0]
    assert (
        draft.messages[-1].content == f"A: {texts[first]}\nB: {texts[second]}\nMix A and B, and say it in other words."
    )
    assert (draft.opening, draft.stop, draft.max_tokens) == ("New instruction:", ("\n",), 48)
    assert [message.role for message in draft.messages] == ["user", "assistant"] * 2 + ["user"]


def test_parents_that_share_their_text_are_mutated_only(task: Task, outside: Callable[..., Any]) -> None:
    """At the start of a small run the prompts differ in demonstrations and decoding only; there is nothing to mix."""
    twins = task.model_copy(update={"seeds": tuple(task.seeds[0].but(decoding=name) for name in task.decodings)})
    world = outside(twins)
    world.drive(evoprompt_ga(twins, Random(1), replace(SMALL, population=3, generations=1)))
    requests = [draft.messages[-1].content for draft in world.drafts]
    assert all(request.startswith("Change: ") for request in requests)


def test_the_child_keeps_demonstrations_and_decoding_of_its_first_parent(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """The writer changes the text; what a tiny model gains most from is inherited."""
    world = outside(task, writer=writer)
    world.drive(evoprompt_ga(task, Random(2), replace(SMALL, on_topic=False)))
    by_hash = {unit.prompt.content_hash: unit.prompt for told in world.generations for unit in told.units}
    children = [unit for told in world.generations for unit in told.units if unit.operator == "evoprompt-ga"]
    assert len(children) > 20
    for child in children:
        parent = by_hash[child.parents[0]]
        assert child.prompt == parent.but(instruction=child.prompt.instruction)
    assert any(child.prompt.demonstrations for child in children)


def test_the_fittest_of_parents_and_children_live_on(
    four: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Top N of the 2 N, whoever they descend from."""

    def fitness(prompt: Prompt, _: int) -> float:
        return int(prompt.content_hash[:6], 16) / 16**6

    world = outside(four, fitness=fitness, writer=lambda draft: f"Final: {writer(draft)}")
    world.drive(evoprompt_ga(four, Random(3), replace(PAPER, population=4, generations=5)))
    for before, after in pairwise(world.generations[1:]):
        pool = sorted((unit.prompt for unit in before.units), key=lambda prompt: -fitness(prompt, 0))
        assert len(pool) == 8
        assert [unit.prompt for unit in after.units[:4]] == pool[:4]


def test_the_profiles_are_the_papers_and_a_small_one() -> None:
    """Population 10 and 10 steps; 5 and 10 for small models."""
    assert (PAPER.population, PAPER.generations, PAPER.batch_blocks) == (10, 10, None)
    assert (SMALL.population, SMALL.generations, SMALL.batch_blocks) == (5, 10, 1)
