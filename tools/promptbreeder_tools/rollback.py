"""Tool `rollback`."""

from typing import Annotated

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from promptbreeder.results import Moved
from promptbreeder.service import Service
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, actor_of, answering, said, service_of


def register(server: MCPServer[Service]) -> None:
    """Add the tool."""
    server.add_tool(
        rollback,
        title="Roll back",
        annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=True, open_world_hint=False),
    )


@answering
async def rollback(
    ctx: Ctx,
    skill: SkillName,
    reason: Annotated[str, Field(max_length=2_000)],
    to_version: VersionNumber | None = None,
) -> Annotated[CallToolResult, Moved]:
    """Put the previous production version (or to_version) back into production."""
    return said(await service_of(ctx).rollback(skill, reason, actor_of(ctx), to_version=to_version))
