"""Tools that measure may take longer than a client waits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.service import Service
from promptbreeder_server.server import PromptServer

pytestmark = pytest.mark.anyio
SECOND = {"name": "tickets", "prompt": "Answer with the queue."}


class Slow(ScriptedModel):
    """Never answers its third call."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_for = anyio.Event()

    async def choose(self, requests: Any) -> Any:  # noqa: ANN401  as the base class
        """Choose, twice."""
        await self._hold()
        return await super().choose(requests)

    async def generate(self, requests: Any) -> Any:  # noqa: ANN401  as the base class
        """Answer, twice."""
        await self._hold()
        return await super().generate(requests)

    async def _hold(self) -> None:
        if self.calls == 2:
            self.waited_for.set()
            await anyio.sleep_forever()


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("get_fitness", {"version": 2}), ("promote", {"version": 2, "reason": "why", "force": True})],
)
@pytest.mark.parametrize("mode", ["auto"])
async def test_a_tool_that_measures_goes_on_where_it_stopped_and_says_so(  # noqa: PLR0917  fixtures
    copy_of: Callable[[str], Path],
    open_service: Callable[..., Service],
    call: Callable[..., Any],
    mode: str,
    tool: str,
    arguments: dict[str, Any],
) -> None:
    """A client that gave up calls it again, and what was answered before is not asked again."""
    asked = {"skill": "tickets", **arguments}
    path, whole, slow, rest = copy_of("stopped"), ScriptedModel(), Slow(), ScriptedModel()
    async with Client(PromptServer(open_service(copy_of("whole"), whole)), mode=mode) as client:
        await call(client, "define_skill", **SECOND)
        await call(client, tool, **asked)
    async with Client(PromptServer(open_service(path, slow)), mode=mode) as client, anyio.create_task_group() as group:
        await call(client, "define_skill", **SECOND)
        group.start_soon(client.call_tool, tool, asked)
        await slow.waited_for.wait()
        group.cancel_scope.cancel()
    async with Client(PromptServer(open_service(path, rest)), mode=mode) as client:
        await call(client, tool, **asked)
        (described,) = [found.description for found in (await client.list_tools()).tools if found.name == tool]
    assert rest.calls == whole.calls - 2 > 0
    assert "after a timeout call it again, and it goes on where it stopped" in " ".join((described or "").split())
