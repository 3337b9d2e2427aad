"""One function per ask: yields it and returns the plain content of its answer.

`texts = yield from write(drafts)` instead of `answer = yield Write(...)` and a check of what came back. An answer of
the wrong kind or length can only come from a journal that other code has written.
"""

from collections.abc import Generator
from typing import TypeVar

from promptbreeder.errors import ReplayMismatch
from promptbreeder.evolution.asks import (
    Answer,
    Arrived,
    Ask,
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
    Told,
    Trial,
    Write,
    Written,
)
from promptbreeder.prompt import Prompt

T = TypeVar("T")
A = TypeVar("A", Written, Measured, Attempted, Arrived, Told, HandedOver)
Step = Generator[Ask, Answer, T]
"""A part of a strategy that ends in a `T`."""


def write(drafts: tuple[Draft, ...]) -> Step[tuple[str, ...]]:
    """Return one raw text per draft."""
    texts = _expect(Written, (yield Write(drafts=drafts))).texts
    return _as_many(texts, len(drafts))


def measure(prompts: tuple[Prompt, ...], block: int, *, race: bool = False) -> Step[tuple[Score, ...]]:
    """Return one score per prompt, all on the same block; with `race` incomplete for those that have lost already."""
    scores = _expect(Measured, (yield Measure(prompts=prompts, blocks=(block,), race=race))).scores
    return _as_many(scores, len(prompts))


def attempt(prompt: Prompt, items: tuple[int, ...]) -> Step[tuple[Trial, ...]]:
    """Return how the executor did on train examples."""
    return _expect(Attempted, (yield Attempt(prompt=prompt, items=items))).trials


def arrivals() -> Step[tuple[Prompt, ...]]:
    """Return the prompts handed in from outside since the last time."""
    return _expect(Arrived, (yield Immigrants())).prompts


def tell(generation: Generation) -> Step[None]:
    """Report progress."""
    _expect(Told, (yield generation))


def is_over(*, ended: bool = False) -> Step[bool]:
    """Return whether the strategy that goes first hands over now; with `ended` it does in any case."""
    return _expect(HandedOver, (yield Handover(ended=ended))).now


def _expect(kind: type[A], answer: Answer) -> A:
    if not isinstance(answer, kind):
        raise ReplayMismatch(f"expected {kind.__name__} as an answer, got {type(answer).__name__}; start a new run")
    return answer


def _as_many(given: tuple[T, ...], asked: int) -> tuple[T, ...]:
    if len(given) != asked:
        raise ReplayMismatch(f"asked for {asked} results, got {len(given)}; start a new run")
    return given
