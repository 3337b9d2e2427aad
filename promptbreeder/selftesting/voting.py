"""Blind votes of somebody who has no preference."""

import itertools
from collections.abc import Awaitable, Callable
from random import Random

from promptbreeder.requests import Actor
from promptbreeder.results import VoteReport
from promptbreeder.service import Service

VOTER = Actor("system", "promptbreeder-mcp (selftest)")
INPUT = "Somebody is at door {}."
"""Of no example; an input counts once, so each vote has its own."""


async def voted_to_the_end(
    service: Service, skill: str, candidate: int, rng: Random, after_win: Callable[[], Awaitable[bool]] | None = None
) -> VoteReport:
    """Vote by the toss of a coin until the test of `candidate` ends, or `after_win` says that it is enough.

    It is asked after each vote for the candidate: the others only take evidence away.
    """
    doors = itertools.count()
    while True:
        duel = await service.compare(skill, text=INPUT.format(next(doors)), a=1, b=candidate)
        report = await service.vote(duel.duel_id, rng.choice(("A", "B")), VOTER)
        won = report.chosen_version == candidate
        if (after_win is not None and won and await after_win()) or report.verdict != "open":
            return report
