"""A scripted half year of one skill, through the service as users reach it, on a clock that is told the time.

    python benchmarks/half_year.py [--weeks 26] [--json]

An office routes tickets by a prompt. Every day some come in, are answered by production, and whether the answer was
right is recorded. One ticket in three, and every one while the monitor is not content, is filed by hand before it is
answered and added as an example, whatever the answer will be. Of the others the right answer is recorded where
production was wrong: these complaints are examples too, but say nothing of the version that they are about. In the 9th
week tickets of a new kind begin to come; in the 18th the model is replaced by another, which reads only the first four
words of a line.

The monitor looks once a day, and may evolve by itself; what it only advises, the office does. A new version is compared
blind on the tickets of the day: the office votes for the right answer, or a tie, and one vote in ten is a slip.
After five duels at least it is promoted as soon as the evidence lets it pass, never by force.

The model is scripted: it knows a word only from a demonstration in its prompt. So accuracies say nothing about real
models; that falls are seen, answered and proven in time is the product's own doing. Seeds are fixed. Ends with status 1
if an answer was wrong in 10 of 100 cases or more.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

import anyio

from promptbreeder.errors import ModelChanged, NotPromotable
from promptbreeder.models.base import Block, Choice, Choose, Generate, Model, Reply
from promptbreeder.models.given import Given
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Message
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.service import Service, Workbench
from promptbreeder.skill import Example, Settings
from promptbreeder.store.database import Database

R = TypeVar("R", Generate, Choose)
OFFICE = Actor("human", "half_year.py")
SKILL = "tickets"
DAY, WEEK = 86_400.0, 7
TICKETS_A_DAY = 8
NEW_KIND_WEEK, NEW_MODEL_WEEK = 9, 18
WORDS_READ = 4
"""Of each line, by the later model."""
Side = Literal["A", "B"]
SIDES: tuple[Side, Side] = ("A", "B")
SLIPS = 1 / 10
"""Share of votes that go to the wrong answer."""
LOOKS = 5
"""Duels that the office wants to see before it promotes."""
SPOT_CHECKED = 1 / 3
EXAMPLES_AT_FIRST = 90
MOST_COMPLAINTS = 0.10
OLD_WORDS = {"billing": ("invoice", "refund"), "delivery": ("parcel", "courier"), "technical": ("crash", "login")}
NEW_WORDS = {"billing": ("voucher", "coupon"), "delivery": ("locker", "customs"), "technical": ("router", "firmware")}
NEW_SHARE = 2 / 3
"""Of the tickets, once there are any of the new kind."""
MISFILED = 0.03
"""Share of tickets whose right queue their words do not tell."""


@dataclass
class World:
    """What happens outside: tickets, time, and which model is installed."""

    rng: Random = field(default_factory=lambda: Random(20_261_124))
    now: float = 1_800_000_000.0
    digest: str = "digest-1"
    new_kind: bool = False
    tickets: int = 0

    def ticket(self) -> tuple[str, str]:
        """Return the next ticket and its queue; no two are the same."""
        self.tickets += 1
        kind = NEW_WORDS if self.new_kind and self.rng.random() < NEW_SHARE else OLD_WORDS
        label = self.rng.choice(tuple(kind))
        words = self.rng.sample(kind[label], 2)
        if self.rng.random() < MISFILED:
            label = self.rng.choice(tuple(kind))
        return f"Ticket {self.tickets}: {', '.join(words)}", label


class Installed(ScriptedModel):
    """The model as it is installed at one time; told by `open` that it is so no more."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world, self._digest = world, world.digest

    async def open(self) -> None:
        """Refuse where another model has been installed meanwhile."""
        if self._digest != self._world.digest:
            raise ModelChanged("another model has been installed under this name")

    @property
    def fingerprint(self) -> str:
        """Of the model that this was opened as."""
        return f"scripted-{self._digest}"

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Answer each request."""
        return await super().generate([self._read(request) for request in requests])

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Score the options."""
        return await super().choose([self._read(request) for request in requests])

    def _read(self, request: R) -> R:
        if self._digest == "digest-1":
            return request
        return replace(request, messages=tuple(Message(role, _skimmed(text)) for role, text in request.messages))


def _skimmed(text: str) -> str:
    return "\n".join(" ".join(line.split(" ")[:WORDS_READ]) for line in text.split("\n"))


class Models(Given):
    """What is installed now."""

    def __init__(self, world: World) -> None:
        super().__init__(Installed(world))
        self._world = world

    def make(self, name: str) -> Model:
        """Return the model as it is installed now."""
        super().make(name)
        return Installed(self._world)


@dataclass
class Week:
    """What one week brought."""

    number: int
    right: int = 0
    n: int = 0
    events: list[str] = field(default_factory=list)


class Office:
    """Those who use the skill."""

    def __init__(self, service: Service, world: World) -> None:
        self._service, self._world = service, world
        self._candidate: int | None = None
        self._looks = 0
        self._rechecked = ""
        self._alert = False
        self.week = Week(0)
        self.cycles = 0
        """Versions that came into production by evidence."""
        self.votes = 0

    async def open_for_business(self) -> None:
        """Define the skill from old tickets and evolve it once before it goes live."""
        old = [self._world.ticket() for _ in range(EXAMPLES_AT_FIRST)]
        definition = SkillDefinition(
            name=SKILL,
            description="Route a support ticket to its queue.",
            prompt="Which queue does this ticket belong to?",
            labels=tuple(OLD_WORDS),
            examples=tuple(Example(input=text, expected=label) for text, label in old),
            salt="half a year",
            settings=Settings(opt_in_drift_actions=True),
        )
        await self._service.define_skill(definition, OFFICE)
        await self._evolve("before it goes live")

    async def day(self) -> None:
        """Answer the tickets of a day, vote, and let the monitor look."""
        for _ in range(TICKETS_A_DAY):
            self._world.now += DAY / TICKETS_A_DAY
            text, label = self._world.ticket()
            if self._alert or self._world.rng.random() < SPOT_CHECKED:
                await self._service.add_examples(SKILL, [Example(input=text, expected=label)], OFFICE)
            answered = await self._service.run_skill(SKILL, text)
            right = label in answered.answer.lower()
            outcome = await self._service.record_outcome(
                answered.call_id, OFFICE, correct=right, expected=None if right else label
            )
            self.week.n += 1
            self.week.right += outcome.correct
            if self._candidate is not None:
                await self._vote(text, label)
        await self._look()

    async def _look(self) -> None:
        report = await self._service.monitor_if_due()
        if report is None:
            return
        (check,) = report.checks
        self._alert = check.state in {"degraded", "failing"}
        fell = check.recheck is not None and check.recheck.fallen and self._rechecked != self._world.digest
        if check.recheck is not None and fell:
            self._rechecked = self._world.digest
            before, after = check.recheck.before.accuracy, check.recheck.after.accuracy
            self._tell(f"monitor: the model has changed, {before:.2f} -> {after:.2f} on the gate")
        if check.acted and check.run_id is not None:
            self._tell(f"monitor: {check.state}, {check.drift.right} of {check.drift.n} right; it evolves")
            await self._follow(check.run_id)
        elif fell:
            await self._evolve("for the model of now")

    async def _evolve(self, why: str) -> None:
        self._tell(f"the office evolves, {why}")
        request = EvolveRequest(skill=SKILL, seed=self._world.rng.randrange(2**31))
        report = await self._service.evolve(request, OFFICE, wait_seconds=600)
        await self._follow(report.run_id)

    async def _follow(self, run_id: str) -> None:
        report = await self._service.get_run(run_id, wait_seconds=600)
        self._candidate, self._looks = report.version, 0
        if report.version is None:
            self._tell(f"nothing better was found: {report.verdict}")
        elif not self.week.number:
            await self._promote()

    async def _vote(self, text: str, label: str) -> None:
        duel = await self._service.compare(SKILL, text=text, b=self._candidate)
        right: list[Side] = [
            side for side, answer in zip(SIDES, (duel.a, duel.b), strict=True) if label in answer.lower()
        ]
        if self._world.rng.random() < SLIPS:
            right = [side for side in SIDES if side not in right]
        choice = right[0] if len(right) == 1 else "tie"
        vote = await self._service.vote(duel.duel_id, choice, OFFICE)
        self.votes += 1
        self._looks += 1
        if self._looks >= LOOKS:
            await self._promote()
        if self._candidate is not None and vote.verdict in {"lose", "futile", "inconclusive"}:
            self._tell(f"version {self._candidate}: {vote.sentence}")
            self._candidate = None

    async def _promote(self) -> None:
        """Ask for the promotion; a refusal says what is missing."""
        number = self._candidate
        if number is None:
            return
        try:
            moved = await self._service.promote(SKILL, number, "ready by its evidence", OFFICE)
        except NotPromotable:
            return
        self._tell(f"version {moved.after} is promoted. {moved.evidence}")
        self._candidate = None
        self.cycles += 1

    def _tell(self, event: str) -> None:
        self.week.events.append(event)


async def half_year(weeks: int, folder: Path, *, as_json: bool) -> bool:
    """Live through `weeks`, tell of each, and return whether complaints stayed rare."""
    world, began = World(), time.monotonic()
    bench = Workbench(
        store=Database(folder / "half_year.db", durable=False),
        make_catalog=lambda: Models(world),
        default_model="scripted",
        default_writer=None,
        clock=lambda: world.now,
    )
    past: list[Week] = []
    async with Service(bench) as service:
        office = Office(service, world)
        await office.open_for_business()
        for number in range(1, weeks + 1):
            world.new_kind = number >= NEW_KIND_WEEK
            world.digest = "digest-2" if number >= NEW_MODEL_WEEK else "digest-1"
            office.week.number = number
            for _ in range(WEEK):
                await office.day()
            past.append(office.week)
            _tell_week(office.week, as_json=as_json)
            office.week = Week(number + 1)
        troubles = [finding for finding in await service.doctor() if not finding.ok]
    n, right = sum(week.n for week in past), sum(week.right for week in past)
    whole = {
        "outcomes": n,
        "complaints": round(1 - right / n, 4),
        "first_four_weeks": round(sum(week.right for week in past[:4]) / sum(week.n for week in past[:4]), 4),
        "last_four_weeks": round(sum(week.right for week in past[-4:]) / sum(week.n for week in past[-4:]), 4),
        "promotions": office.cycles,
        "votes": office.votes,
        "troubles": len(troubles),
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(whole) if as_json else "; ".join(f"{name} {value}" for name, value in whole.items()))
    return 1 - right / n < MOST_COMPLAINTS


def _tell_week(week: Week, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"week": week.number, "right": week.right, "n": week.n, "events": week.events}))
        return
    print(f"week {week.number:2}: {week.right} of {week.n} right", *week.events, sep="\n    " if week.events else "")


def main() -> None:
    """Tell the story."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        kept = anyio.run(partial(half_year, given.weeks, Path(folder), as_json=given.json))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
