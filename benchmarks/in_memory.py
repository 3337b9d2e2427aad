"""What a run of the product needs, without a store: a plan over given lines, a journal and a cache that are forgotten.

There is no gate split in it: what the search is judged on afterwards is nothing that the run may look at.
"""

from collections.abc import Sequence

from promptbreeder.evaluation.meter import Usage
from promptbreeder.models.base import Rates
from promptbreeder.prompt import Prompt
from promptbreeder.runs.journal import AnyAsk, Entry, Stored, Welcome
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Example, Settings, Skill, Weights

ACCURACY_ONLY = Settings(weights=Weights(accuracy=1, latency=0, preference=0))
"""What is compared is accuracy alone."""


def plan_of(
    skill: Skill,
    seeds: Sequence[Prompt],
    train: Sequence[Example],
    search: Sequence[Example],
    *,
    strategy: str = "",
    seed: int = 0,
    token_limit: int = 2**62,
    fingerprints: tuple[str, str] = ("", ""),
    rates: Rates = Rates(1.0, 1.0),  # noqa: B008 - frozen
) -> Plan:
    """Return the plan of a run over these lines."""
    return Plan(
        skill=skill,
        seeds=tuple(seeds),
        incumbent=1,
        strategy=strategy,
        profile="",
        seed=seed,
        token_limit=token_limit,
        call_limit=token_limit,
        seconds_limit=float("inf"),
        train_ids=tuple(range(len(train))),
        search_ids=tuple(range(len(search))),
        gate_ids=(),
        executor=fingerprints[0],
        writer=fingerprints[1],
        read_rate=rates.read,
        write_rate=rates.write,
        preference=0.5,
    )


class ForgetfulJournal:
    """See `promptbreeder.runs.journal.Journal`; nothing is resumed, and nobody hands anything in."""

    async def read(self) -> tuple[Stored, ...]:
        """Return nothing: the run begins."""
        return ()

    async def append(self, number: int, ask: AnyAsk, entry: Entry) -> None:
        """Keep nothing."""

    async def append_arrivals(self, number: int, ask: AnyAsk, seconds: float, welcome: Welcome) -> Entry:
        """Let nobody in."""
        del number, ask
        return Entry(answer=welcome(()), usage=Usage(), seconds=seconds)


class Replies:
    """See `promptbreeder.evaluation.cached.ReplyCache`."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        """Return what was put under `key`, or None."""
        return self._kept.get(key)

    async def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""
        self._kept[key] = value
