"""Opening models: each for itself."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from promptbreeder.models.base import Catalog, Model
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio


class Silent(ScriptedModel):
    """Never answers."""

    def __init__(self) -> None:
        """Note when it is first waited for."""
        super().__init__()
        self.waited_for = anyio.Event()

    async def open(self) -> None:
        """Wait for good."""
        self.waited_for.set()
        await anyio.sleep_forever()


async def test_a_model_that_does_not_answer_keeps_no_other_from_answering(
    fixed_models: type, open_service: Callable[..., Service], tmp_path: Path, actor: Actor
) -> None:
    """Skills on other models go on."""
    silent = Silent()
    models = fixed_models({"scripted": ScriptedModel(), "silent": silent})

    def service(model: str) -> Service:
        return open_service(tmp_path / "a.db", make_catalog=lambda: models, default_model=model)

    async with service("silent") as one:
        await one.define_skill(SkillDefinition.parse({"name": "slow", "description": "d", "prompt": "p"}), actor)
    async with service("scripted") as both, anyio.create_task_group() as group:
        await both.define_skill(SkillDefinition.parse({"name": "quick", "description": "d", "prompt": "p"}), actor)
        group.start_soon(both.run_skill, "slow", "hello")
        await silent.waited_for.wait()
        assert (await both.run_skill("quick", "hello")).skill == "quick"
        group.cancel_scope.cancel()


class Renaming:
    """A catalog in which a file has two names."""

    def __init__(self, models: Catalog) -> None:
        """Offer `models`, and count how many are made."""
        self._models = models
        self.made = 0

    def make(self, name: str) -> Model:
        """Return the model called so."""
        self.made += 1
        return self._models.make(name)

    async def resolve(self, name: str) -> str:
        """Return the name from the root."""
        return name.replace("here/", "/from/the/root/")


async def test_a_file_that_is_named_in_two_ways_is_loaded_once(
    fixed_models: type,
    open_service: Callable[..., Service],
    ticket_skill: Callable[..., SkillDefinition],
    tmp_path: Path,
    actor: Actor,
) -> None:
    """From the root in a skill, and from the folder at hand in the setting of the writer."""
    models = Renaming(fixed_models({"/from/the/root/m.gguf": ScriptedModel()}))
    async with open_service(
        tmp_path / "a.db", make_catalog=lambda: models, default_model="here/m.gguf", default_writer="here/m.gguf"
    ) as service:
        await service.define_skill(ticket_skill(), actor)
        await service.evolve(EvolveRequest.parse({"skill": "tickets", "budget_tokens": 6_000}), actor, wait_seconds=60)
    assert models.made == 1
