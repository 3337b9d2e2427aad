"""Opening models: each for itself."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
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
