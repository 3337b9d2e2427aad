"""OPRO (arXiv 2309.03409)."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Measure, Task, Write
from promptbreeder.evolution.opro_profiles import OPRO_PROFILES
from promptbreeder.evolution.strategies.opro import opro
from promptbreeder.prompt import Prompt

PAPER, SMALL = OPRO_PROFILES["paper"], OPRO_PROFILES["smollm2"]


def _by_hash(prompt: Prompt, block: int) -> float:
    del block
    return int(prompt.content_hash[:6], 16) / 16**6


def _by_letters(prompt: Prompt, block: int) -> float:
    """Improve without end: every new text may be better."""
    del block
    return sum(map(ord, prompt.instruction)) % 997 / 997


def _request(ask: Write) -> list[str]:
    return ask.drafts[0].messages[-1].content.splitlines()


def _history(ask: Write) -> list[tuple[int, str]]:
    lines = [line.partition(": ") for line in _request(ask) if line.partition(": ")[0].isdigit()]
    return [(int(score), text) for score, _, text in lines]


def test_the_meta_prompt_holds_history_exemplars_and_the_wish(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Section 4.1: solution-score pairs and a few exemplars of the task, drawn from the train split."""
    world = outside(task, writer=writer, fitness=lambda _, __: 0.423)
    world.drive(opro(task, Random(1), replace(PAPER, generations=1)))
    lines = _request(world.of_kind(Write)[0])
    assert lines[:3] == [
        f"Task: {task.description}",
        "Instructions that were tried, each after its score from 0 to 100, the best one last:",
        f"42: {task.seeds[0].instruction}",
    ]
    assert lines[3] == "Examples of the task:"
    shown = [f"{example.input} => {example.expected}" for example in task.train]
    assert all(line in shown for line in lines[4:7])
    assert len(dict.fromkeys(lines[4:7])) == 3
    assert lines[7:] == ["Write one new instruction, unlike all of these, that scores higher."]


def test_each_step_samples_eight_texts_at_temperature_one(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """One meta-prompt, eight different seeds, eight candidates measured."""
    world = outside(task, writer=writer, fitness=_by_hash)
    world.drive(opro(task, Random(2), replace(PAPER, generations=3)))
    for ask in world.of_kind(Write):
        assert len(ask.drafts) == 8
        assert [draft.temperature for draft in ask.drafts] == [1.0] * 8
        assert len(dict.fromkeys(draft.messages for draft in ask.drafts)) == 1
        assert len(dict.fromkeys(draft.seed for draft in ask.drafts)) == 8
    assert [len(told.units) for told in world.generations[:-1]] == [1, 9, 17, 25]


def test_the_history_is_ascending_and_keeps_the_best_twenty_with_whole_scores(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """The best stands nearest to the place where the writer goes on; scores are rounded to integers."""
    world = outside(task, writer=writer, fitness=_by_letters)
    world.drive(opro(task, Random(3), replace(PAPER, generations=6, patience=99)))
    asked = world.of_kind(Write)
    for ask in asked:
        scores = [score for score, _ in _history(ask)]
        assert scores == sorted(scores)
    tried = [task.seeds[0], *(unit.prompt for told in world.generations[1:6] for unit in told.units[-8:])]
    best = sorted(tried, key=lambda prompt: _by_letters(prompt, 0))[-20:]
    assert _history(asked[5]) == [(round(100 * _by_letters(prompt, 0)), prompt.instruction) for prompt in best]


def test_five_steps_without_improvement_end_the_search(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """A plateau stops it; each improvement starts the count anew."""
    flat = outside(task, writer=writer)
    flat.drive(opro(task, Random(4), PAPER))
    assert flat.generations[-1].number == 5

    best: list[str] = []

    def late(prompt: Prompt, _: int) -> float:
        """Let the first text of the third step be the one improvement."""
        steps = len(world.of_kind(Write))
        if steps == 3 and not best:
            best.append(prompt.instruction)
        return 0.9 if [prompt.instruction] == best else 0.5

    world = outside(task, writer=writer, fitness=late)
    world.drive(opro(task, Random(4), PAPER))
    assert world.generations[-1].number == 8


def test_duplicates_and_echoes_of_the_meta_prompt_are_refused_and_counted(
    task: Task, outside: Callable[..., Any]
) -> None:
    """What was tried already and the request's own words never become a prompt."""
    replies = iter(
        (
            "Find the office that can help this customer.",
            "find the office that can help this customer",
            task.seeds[0].instruction,
            "Write one new instruction, unlike all of these, for a ticket.",
            "Look at the leaves and the place that the plant comes from, then name a queue.",
            "",
            "Ticket 1: something about delivery went wrong, so say billing, delivery or technical",
            "Say who takes care of this.",
        )
    )
    world = outside(task, writer=lambda _: next(replies), fitness=_by_hash)
    world.drive(opro(task, Random(5), replace(PAPER, generations=1, reasks=0)))
    told = world.generations[-1]
    assert told.written == 8
    assert told.rejected == {"duplicate": 2, "echoes the request": 2, "empty": 1, "copies an example": 1}
    children = world.generations[1].units[1:]
    assert [child.prompt.instruction for child in children[:2]] == [
        "Find the office that can help this customer.",
        "Say who takes care of this.",
    ]
    assert [child.operator for child in children].count("opro") == 2
    assert all(child.operator.startswith("opro+") for child in children[2:]), "places left are filled without a writer"


def test_candidates_differ_from_the_best_prompt_in_their_text_only(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Demonstrations, layout and decoding are those of the best so far, so that scores speak of texts."""
    world = outside(
        task,
        writer=writer,
        fitness=lambda prompt, _: 0.5 + 0.05 * len(prompt.demonstrations) * (prompt.decoding != "free"),
    )
    world.drive(opro(task, Random(6), replace(SMALL, generations=3, on_topic=False)))
    for told in world.generations[1:4]:
        best = told.units[0]
        written = [unit for unit in told.units if unit.operator == "opro" and unit.score is None]
        assert written
        assert all(unit.prompt == best.prompt.but(instruction=unit.prompt.instruction) for unit in written)
        assert all(unit.parents == (best.prompt.content_hash,) for unit in written)
        assert best.prompt.demonstrations


def test_the_small_profile_asks_less_of_writer_and_executor(
    task: Task, outside: Callable[..., Any], writer: Callable[..., str]
) -> None:
    """Four texts a step from at most five shown, one exemplar, one block of examples for each candidate."""
    world = outside(task, writer=writer, fitness=_by_hash)
    world.drive(opro(task, Random(7), replace(SMALL, generations=4, on_topic=False)))
    steps = [ask for ask in world.of_kind(Write) if _history(ask)]
    assert len(steps) >= 4
    for ask in steps:
        assert len(ask.drafts) <= 4
        assert len(_history(ask)) <= 5
        assert len(_request(ask)) <= 10
    start = world.asks.index(world.generations[1])
    first = next(ask for ask in world.asks[start:] if isinstance(ask, Measure))
    assert (len(first.prompts), len(first.blocks)) in ((4, 1), (5, 1))


def test_long_exemplars_are_cut(task: Task, outside: Callable[..., Any]) -> None:
    """A request is no place for a page of text."""
    train = tuple(
        example.model_copy(update={"input": f"{example.input} {'and so on ' * 50}"}) for example in task.train
    )
    wordy = task.model_copy(update={"train": train})
    world = outside(wordy)
    world.drive(opro(wordy, Random(8), replace(PAPER, generations=1, reasks=0)))
    assert max(map(len, _request(world.of_kind(Write)[0]))) <= 320


@pytest.mark.parametrize("population", [2, 20])
def test_a_population_is_refused_with_the_reason(population: int) -> None:
    """OPRO has a history; a number that means nothing is not swallowed."""
    with pytest.raises(InvalidInput, match="opro has no population"):
        PAPER.resized(population)
