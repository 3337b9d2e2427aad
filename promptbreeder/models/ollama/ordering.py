"""Requests on their way some at a time, and their answers in the order of the requests."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from promptbreeder.errors import ModelError

T = TypeVar("T")
R = TypeVar("R")


async def in_order(requests: Sequence[T], one: Callable[[T], Awaitable[R]], limiter: anyio.CapacityLimiter) -> list[R]:
    """Return what `one` answers to each request. The first is asked for alone: it warms the prefix that all share.

    Raises:
        ModelError: the first of those that were raised; the other requests are given up.
    """
    if not requests:
        return []
    answers: dict[int, R] = {0: await one(requests[0])}

    async def ask(place: int) -> None:
        async with limiter:
            answers[place] = await one(requests[place])

    try:
        async with anyio.create_task_group() as group:
            for place in range(1, len(requests)):
                group.start_soon(ask, place)
    except ExceptionGroup as group_error:
        # One failure is enough to tell; the others are of the same kind.
        failures, rest = group_error.split(ModelError)
        if rest is not None or failures is None:
            raise
        raise _first(failures) from group_error
    return [answers[place] for place in range(len(requests))]


def _first(group: BaseExceptionGroup[ModelError]) -> ModelError:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
