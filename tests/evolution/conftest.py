"""The outside of a strategy, played by hand: a writer, an executor and a user made of plain functions."""

import hashlib
from collections.abc import Callable, Generator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from promptbreeder.evolution.asks import (
    Arrived,
    Attempt,
    Attempted,
    Draft,
    Generation,
    HandedOver,
    Handover,
    Immigrants,
    Measure,
    Measured,
    Score,
    Task,
    Told,
    Trial,
    Unit,
    Write,
    Written,
)
from promptbreeder.evolution.context import Context
from promptbreeder.evolution.profiles import SMOLLM2
from promptbreeder.prompt import Prompt
from promptbreeder.skill import Example

LABELS = ("billing", "delivery", "technical")


class Outside:
    """Answers every ask with the functions it is given, and keeps the asks."""

    def __init__(
        self,
        task: Task,
        *,
        writer: Callable[[Draft], str] = lambda _: "",
        fitness: Callable[[Prompt, int], float] = lambda _, __: 0.5,
        right: Callable[[int], bool] = lambda _: True,
        guests: tuple[Prompt, ...] = (),
        spent: bool = False,
    ) -> None:
        self.task, self.writer, self.fitness, self.right, self.guests = task, writer, fitness, right, guests
        self.spent = spent
        self.asks: list[Any] = []
        self.answers: list[Any] = []

    def answer(self, ask: Any) -> Any:  # noqa: ANN401  any ask, and the answer that fits
        """Return the answer that fits `ask`."""
        match ask:
            case Write():
                return Written(texts=tuple(self.writer(draft) for draft in ask.drafts))
            case Measure():
                return Measured(scores=tuple(self.score(prompt, ask.blocks) for prompt in ask.prompts))
            case Attempt():
                return Attempted(trials=tuple(self.trial(item) for item in ask.items))
            case Immigrants():
                guests, self.guests = self.guests, ()
                return Arrived(prompts=guests)
            case Handover():
                return HandedOver(now=ask.ended or self.spent)
            case _:
                return Told()

    def score(self, prompt: Prompt, blocks: tuple[int, ...]) -> Score:
        """Return a complete score."""
        fitness = sum(self.fitness(prompt, block) for block in blocks) / len(blocks)
        return Score(fitness=fitness, accuracy=fitness, items=len(blocks) * self.task.block_size, complete=True)

    def trial(self, item: int) -> Trial:
        """Return an attempt whose working ends in the expected answer."""
        expected = self.task.train[item].expected or ""
        return Trial(item=item, working=f"It is plain: {expected}", answer=expected, right=self.right(item))

    def drive(self, steps: Generator[Any, Any, Any]) -> Any:  # noqa: ANN401  whatever the steps end in
        """Answer until the steps end, and return what they end in."""
        answer = None
        while True:
            try:
                ask = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = self.answer(ask)
            self.asks.append(ask)
            self.answers.append(answer)

    def of_kind(self, kind: type) -> list[Any]:
        """Return the asks of one kind."""
        return [ask for ask in self.asks if isinstance(ask, kind)]

    @property
    def drafts(self) -> list[Draft]:
        """All drafts put to the writer."""
        return [draft for ask in self.of_kind(Write) for draft in ask.drafts]

    @property
    def generations(self) -> list[Generation]:
        """All progress reports."""
        return self.of_kind(Generation)


def inventive(draft: Draft) -> str:
    """A writer that always finds a new, valid text about the ticket task."""
    words = [
        "queue",
        "office",
        "ticket",
        "customer",
        "mail",
        "colour",
        "paper",
        "care",
        "speed",
        "desk",
        "team",
        "cause",
    ]
    rng = Random(hashlib.sha256(draft.model_dump_json().encode()).hexdigest())
    return f"Weigh {' '.join(rng.sample(words, 7))}."


@pytest.fixture
def task() -> Task:
    """Return a labelled task of 18 train examples."""
    train = tuple(
        Example(input=f"Ticket {number}: something about {LABELS[number % 3]} went wrong", expected=LABELS[number % 3])
        for number in range(18)
    )
    return Task(
        description="Route a support ticket to its queue.",
        seeds=(Prompt(instruction="Which queue does this ticket belong to?"),),
        labels=LABELS,
        decodings=("free", "constrained", "calibrated"),
        train=train,
        blocks=6,
        block_size=16,
    )


@pytest.fixture
def outside() -> type[Outside]:
    """Return the class, to be filled with functions."""
    return Outside


@pytest.fixture
def writer() -> Callable[[Draft], str]:
    """Return the writer that always finds something."""
    return inventive


@pytest.fixture
def context(task: Task) -> Callable[..., Context]:
    """Return a maker of contexts: one draft a text and no re-asks unless told otherwise."""

    def make(seed: int = 1, task_: Task = task, **changes: Any) -> Context:  # noqa: ANN401  fields of a profile
        profile = replace(SMOLLM2, **{"samples": 1, "reasks": 0, "on_topic": False, **changes})
        return Context(task_, Random(seed), profile)

    return make


@pytest.fixture
def population() -> tuple[Unit, ...]:
    """Return four measured units, the fittest last."""
    texts = (
        "Sort the ticket into a queue.",
        "Name the team that should handle this message.",
        "Look at what the customer wants, then name the queue.",
        "Decide who has to solve the problem described here.",
    )
    return tuple(
        Unit(
            prompt=Prompt(instruction=text),
            mutation_prompt=f"Mutation-prompt number {index}.",
            score=Score(fitness=0.2 + 0.1 * index, accuracy=0.5, items=16, complete=True),
        )
        for index, text in enumerate(texts)
    )
