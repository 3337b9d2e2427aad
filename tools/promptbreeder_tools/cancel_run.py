"""Tool `cancel_run`."""

from typing import Annotated

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from promptbreeder.results import RunReport
from promptbreeder.service import Service
from promptbreeder_tools.call import Ctx, actor_of, answering, said, service_of


def register(server: MCPServer[Service]) -> None:
    """Add the tool."""
    server.add_tool(
        cancel_run,
        title="Cancel a run",
        annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=False, open_world_hint=False),
    )


@answering
async def cancel_run(
    ctx: Ctx,
    run_id: Annotated[str, Field(max_length=40)],
) -> Annotated[CallToolResult, RunReport]:
    """Stop a run for good; its best prompt so far is kept as a version where it is ahead."""
    return said(await service_of(ctx).cancel_run(run_id, actor_of(ctx)))
