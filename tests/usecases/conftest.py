"""A service over the ticket skill, and a look at everything it stores."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.base import Block, Generate, Reply
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Decoding, Demonstration, Prompt
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

GOOD = "Answer with the word that the ticket begins with."
FAIR = "Parcels are delivered."


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    pass


def first_word_or_billing(request: Any) -> str:  # noqa: ANN401  a Generate
    """Answer right under the good prompt, a little more often under the fair one, and `billing` under any other."""
    item = request.messages[-1].content
    if request.messages[0].content == FAIR:
        return "delivery" if item.endswith((": parcel, parcel", ": parcel, courier")) else "billing"
    if request.messages[0].content != GOOD:
        return "billing"
    names = {"invoice": "billing", "refund": "billing", "charge": "billing"}
    names |= {"parcel": "delivery", "courier": "delivery", "doorstep": "delivery"}
    return next((names[word] for word in names if word in item), "technical")


class Overtaken(ScriptedModel):
    """A model that takes its time: `meanwhile` happens once, while it generates next."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Answer after what happens meanwhile."""
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        return await super().generate(requests)


@pytest.fixture
def reader() -> Overtaken:
    """Return a model that reads its instruction."""
    return Overtaken(first_word_or_billing)


@pytest.fixture
async def service(
    database: Path, open_service: Callable[..., Service], reader: ScriptedModel
) -> AsyncIterator[Service]:
    """Return a service over the ticket skill, on a model that reads its instruction."""
    async with open_service(database, reader) as opened:
        yield opened


@pytest.fixture
async def better(service: Service, ticket_skill: Callable[..., SkillDefinition], actor: Actor) -> int:
    """Return the number of a second version, which is right every time."""
    return (await service.define_skill(ticket_skill(prompt=GOOD, examples=[]), actor)).version


@pytest.fixture
async def fair(service: Service, ticket_skill: Callable[..., SkillDefinition], actor: Actor) -> int:
    """Return the number of a version that is right a little more often than production."""
    return (await service.define_skill(ticket_skill(prompt=FAIR, examples=[]), actor)).version


@pytest.fixture
async def constrained(service: Service, evolved: Callable[..., Any]) -> int:
    """Return the number of a version that is right every time, by constrained decoding."""
    shots = {"invoice refund charge": "billing", "parcel courier doorstep": "delivery", "crash login": "technical"}
    prompt = Prompt(
        instruction="Pick.",
        demonstrations=tuple(Demonstration(input=words, output=label) for words, label in shots.items()),
        decoding=Decoding.CONSTRAINED,
    )
    number: int = await evolved(service, prompt)
    return number


@pytest.fixture
def stored(database: Path) -> Callable[[], list[str]]:
    """Return a function that reads all that the database holds."""

    def read() -> list[str]:
        with closing(sqlite3.connect(database)) as db:
            return list(db.iterdump())

    return read
