"""Progress of a run, as a client hears it while it waits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service
from promptbreeder.usecases import evolving
from promptbreeder_server.server import PromptServer

pytestmark = pytest.mark.anyio


class Held(ScriptedModel):
    """Answers only once it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_on = anyio.Event()

    async def generate(self, requests: Any) -> Any:  # noqa: ANN401  as the base class
        """Wait, then answer."""
        await self.goes_on.wait()
        return await super().generate(requests)

    async def choose(self, requests: Any) -> Any:  # noqa: ANN401  as the base class
        """Wait, then choose."""
        await self.goes_on.wait()
        return await super().choose(requests)


async def test_progress_increases_with_every_notification_also_while_nothing_is_spent(
    database: Path, open_service: Callable[..., Service], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that thinks long must not let the client give up, and the protocol asks for an increase each time."""
    monkeypatch.setattr(evolving, "PROGRESS_SECONDS", 0.0)
    model, told = Held(), list[tuple[float, float]]()

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        del message
        assert total is not None
        told.append((progress, total))
        if len(told) == 5:
            model.goes_on.set()

    asked = {"skill": "tickets", "generations": 1, "population": 6, "budget_tokens": 20_000, "wait_seconds": 300}
    async with Client(PromptServer(open_service(database, model)), mode=mode) as client:
        ended = await client.call_tool("evolve_prompt", asked, progress_callback=hear)
    assert ended.structured_content is not None
    assert ended.structured_content["status"] == "finished"
    values = [done for done, _ in told]
    assert values == sorted(set(values))
    assert values[4] < 1
    assert all(done <= total for done, total in told)
    assert {total for done, total in told if done < 20_000} == {20_000}
