"""What tests of the whole service share: a ticket skill in a file of its own, and services over it."""

import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import settings

from ollama_standin import ScriptedBrain, StandIn
from ollama_standin.llama import CONTEXT, LlamaBrain
from promptbreeder.errors import ModelMissing
from promptbreeder.models import weights
from promptbreeder.models.base import Model, Pulled, Usable
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Prompt
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service, Workbench
from promptbreeder.store import database as database_module
from promptbreeder.store import versions
from promptbreeder.store.database import Database

# How long an example takes says something about the machine only.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
LABELS = ("billing", "delivery", "technical")
_WORDS = {
    "billing": ("invoice", "refund", "charge"),
    "delivery": ("parcel", "courier", "doorstep"),
    "technical": ("crash", "login", "screen"),
}


def ticket(number: int) -> dict[str, str]:
    """Return one example; neighbours of one label share a word, so that demonstrations help the scripted model."""
    label = LABELS[number % 3]
    word, other = _WORDS[label][number // 3 % 3], _WORDS[label][number // 9 % 3]
    return {"input": f"Ticket {number}: {word}, {other}", "expected": label}


class FixedModels:
    """A catalog of models that are given, each under its name; see `promptbreeder.models.base.Catalog`."""

    def __init__(self, models: Mapping[str, Model | None]) -> None:
        """Offer `models`."""
        self._models = models

    def make(self, name: str) -> Model:
        """Return the model called so."""
        found = self._models.get(name)
        if found is None:
            raise ModelMissing(f"there is no model {name}")
        return found

    async def resolve(self, name: str) -> str:
        """Return the name as it is."""
        return name

    async def usable(self) -> tuple[Usable, ...]:
        """Return all of them."""
        return tuple(Usable(name, 0, "given") for name, model in self._models.items() if model is not None)

    async def pull(self, name: str, *, bundled: bool = False) -> AsyncIterator[Pulled]:
        """Pretend to get a model in three steps."""
        for step in range(3):
            yield Pulled(f"{'packaged' if bundled else name}", step, 2)


def make_service(
    path: Path, model: Model | None = None, *, hours: float = 0, writer: Model | None = None, **changes: object
) -> Service:
    """Return a service as another process would open it, `hours` from now."""
    models = FixedModels({"scripted": model or ScriptedModel(), "writer": writer})
    fields: dict[str, Any] = {
        "store": Database(path),
        "make_catalog": lambda: models,
        "default_model": "scripted",
        "default_writer": None if writer is None else "writer",
        "clock": lambda: time.time() + 3600 * hours,
        **changes,
    }
    return Service(Workbench(**fields))


def quickened(connect: Callable[..., Any]) -> Callable[..., Any]:
    """Return `connect` without waiting for the disk: a test kills processes at most, never the machine."""

    def quick(path: Path, *, read_only: bool = False) -> Any:  # noqa: ANN401  a connection of the store's
        tables = connect(path, read_only=read_only)
        tables.conn.execute("PRAGMA synchronous = OFF")
        return tables

    return quick


@pytest.fixture
def quick_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store not wait for the disk."""
    monkeypatch.setattr(database_module, "connect", quickened(database_module.connect))


@pytest.fixture(scope="session")
def fixed_models() -> type[FixedModels]:
    """Return the catalog of given models."""
    return FixedModels


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio only, as the server does."""
    return "asyncio"


@pytest.fixture(scope="session")
def actor() -> Actor:
    """Return somebody who asks."""
    return Actor("human", "test client 1")


@pytest.fixture(scope="session")
def tickets() -> Callable[..., list[dict[str, str]]]:
    """Return a maker of examples: `count` of them, from number `start` on."""
    return lambda count, start=0: [ticket(number) for number in range(start, start + count)]


@pytest.fixture(scope="session")
def ticket_skill() -> Callable[..., SkillDefinition]:
    """Return a maker of a definition of the skill `tickets`, with 90 examples unless told otherwise."""

    def make(**changes: object) -> SkillDefinition:
        fields = {
            "name": "tickets",
            "description": "Route a support ticket to its queue.",
            "prompt": "Which queue does this ticket belong to?",
            "labels": LABELS,
            "examples": [ticket(number) for number in range(90)],
            # The same splits in every session: a failure can be repeated.
            "salt": "salt",
            **changes,
        }
        return SkillDefinition.parse({name: value for name, value in fields.items() if value is not None})

    return make


@pytest.fixture
def little_evidence(ticket_skill: Callable[..., SkillDefinition], tmp_path: Path) -> Path:
    """Return the file of a skill whose gate cannot decide alone.

    Production gets six of its examples wrong, and it takes seven to be sure.
    """
    splits = [*["train"] * 24, *["search"] * 24, *["gate"] * 6]
    examples = [{**ticket(number), "split": split} for number, split in enumerate(splits)]
    # No numbers: a demonstration that shares one with an input would answer for it.
    names = ("alpha", "beta", "gamma", "delta", "omega")
    said = [{"input": f"{label} {name}", "expected": label, "split": "gate"} for name in names for label in LABELS]
    definition = ticket_skill(examples=[*examples, *said]).model_dump(mode="json", exclude_none=True)
    file = tmp_path / "little.json"
    file.write_text(json.dumps(definition), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def evolved() -> Callable[..., Any]:
    """Return a function that stores a prompt as a version of `tickets`, as a run does, and returns its number."""

    async def kept(service: Service, prompt: Prompt) -> int:
        bench = service._bench
        add = partial(versions.add, origin="evolved", parents=(1,), operator="test", run_id=None, calibration=None)
        return await bench.store.write(lambda db: add(db, "tickets", prompt, now=bench.clock()))

    return kept


@pytest.fixture(scope="session")
def open_service() -> Callable[..., Service]:
    """Return the maker of services."""
    return make_service


@pytest.fixture(scope="session")
def _template(
    tmp_path_factory: pytest.TempPathFactory, ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"

    async def define() -> None:
        async with make_service(path) as service:
            await service.define_skill(ticket_skill(), actor)

    anyio.run(define)
    return path


@pytest.fixture
def copy_of(_template: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a maker of databases that hold the ticket skill, all with the same splits: copies of one file."""

    def copy(name: str) -> Path:
        return Path(shutil.copy(_template, tmp_path / f"{name}.db"))

    return copy


@pytest.fixture
def database(copy_of: Callable[[str], Path]) -> Path:
    """Return a database that holds the ticket skill."""
    return copy_of("promptbreeder")


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Return how a client of the server connects: in the new era, and in the old."""
    mode: str = request.param
    return mode


@pytest.fixture
def service(database: Path, open_service: Callable[..., Service]) -> Service:
    """Return the service that the server serves."""
    return open_service(database)


@pytest.fixture(scope="session")
def real_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder of converted weights for all tests on the real model: converting takes a while."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def standin() -> Iterator[StandIn]:
    """Yield a server like Ollama's that holds smollm2:135m and says scripted things."""
    with StandIn(ScriptedBrain()) as server:
        yield server


@pytest.fixture(scope="session")
def _real_standin(real_models: Path) -> Iterator[StandIn]:
    try:
        brain = LlamaBrain(weights.find("", real_models))
    except ModelMissing as error:
        pytest.skip(str(error))
    with StandIn(brain, models=()) as server:
        server.add_model("smollm2:135m", context_length=CONTEXT)
        yield server
    brain.close()


@pytest.fixture
def real_standin(_real_standin: StandIn) -> Iterator[StandIn]:
    """Yield a server like Ollama's with the real SmolLM2-135M behind it, loaded once, without faults and traces."""
    _real_standin.reset()
    yield _real_standin
    _real_standin.reset()
