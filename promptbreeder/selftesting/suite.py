"""All of the self-test."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random

from promptbreeder.prompt import Decoding
from promptbreeder.results import NullCase, SelftestReport
from promptbreeder.selftesting.loop import Effort, Looped, loop
from promptbreeder.selftesting.null import PARENT, taste_skill
from promptbreeder.selftesting.verdict import null_case
from promptbreeder.selftesting.voting import VOTER, voted_to_the_end
from promptbreeder.service import Service

OpenScratch = Callable[[str], AbstractAsyncContextManager[Service]]
"""Opens a service over an empty database that is thrown away; its skills are on the model `scripted`, `random` or
`real`."""
STRATEGIES = ("auto", "edits", "evoprompt-ga", "evoprompt-de")
"""By turns, one a loop."""
REAL = Effort("edits", Decoding.CONSTRAINED, budget_tokens=20_000, generations=3, population=None)


async def selftest(
    open_scratch: OpenScratch, *, runs: int, vote_tests: int, real: bool, tell: Callable[[], None]
) -> SelftestReport:
    """Run the loop `runs` times for each way of having nothing to find, and `vote_tests` votes without a preference.

    With `real` only the loop on random labels, on the real model: operators and votes are the same on any. `tell` is
    called after each loop and each vote test. Searches and labels have fixed seeds; votes fall anew each time.

    Raises:
        ModelError: if the model cannot be had.
        RunError: if a run did not come to its end.
    """
    began = time.monotonic()
    cases: list[NullCase] = []
    if real:
        looped = await _loops(open_scratch, "real", runs, [REAL], tell)
        cases.append(_counted("random labels, real model", looped))
    else:
        looped = await _loops(
            open_scratch, "scripted", runs, [Effort(name, Decoding.FREE) for name in STRATEGIES], tell
        )
        cases.append(_counted("random labels", looped))
        same = await _loops(open_scratch, "random", runs, [Effort(PARENT, Decoding.FREE)], tell)
        cases.append(_counted("operator that returns its parent", same))
        looped += same
        cases.append(await _vote_tests(open_scratch, vote_tests, tell))
    kept = all(case.kept for case in cases)
    return SelftestReport(
        cases=tuple(cases),
        tokens=sum(one.tokens for one in looped),
        seconds=time.monotonic() - began,
        exit_code=0 if kept else 1,
    )


async def _loops(
    open_scratch: OpenScratch, model: str, runs: int, efforts: Sequence[Effort], tell: Callable[[], None]
) -> list[Looped]:
    done = []
    async with open_scratch(model) as service:
        for number in range(runs):
            done.append(await loop(service, f"null-{number}", number, efforts[number % len(efforts)]))
            tell()
    return done


def _counted(name: str, looped: Sequence[Looped]) -> NullCase:
    return null_case(
        name,
        sum(one.promoted for one in looped),
        len(looped),
        ahead_on_search=sum(one.ahead_on_search for one in looped),
        ahead_on_gate=sum(one.ahead_on_gate for one in looped),
    )


async def _vote_tests(open_scratch: OpenScratch, tests: int, tell: Callable[[], None]) -> NullCase:
    rng, won, majority = Random(tests), 0, 0
    async with open_scratch("scripted") as service:
        for number in range(tests):
            name = f"taste-{number}"
            await service.define_skill(taste_skill(name), VOTER, must_be_new=True)
            report = await voted_to_the_end(service, name, 2, rng)
            won += report.verdict == "win"
            majority += report.wins > report.losses
            tell()
    return null_case("votes without a preference", won, tests, majority=majority)
