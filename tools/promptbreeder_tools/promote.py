"""Tool `promote`."""

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
        promote,
        title="Promote a version",
        annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=False, open_world_hint=False),
    )


@answering
async def promote(
    ctx: Ctx,
    skill: SkillName,
    version: VersionNumber,
    reason: Annotated[str, Field(max_length=2_000)],
    expected_production: Annotated[
        VersionNumber | None, Field(description="Refuse if another version is in production")
    ] = None,
    force: Annotated[bool, Field(description="Promote against evidence or flags; recorded")] = False,  # noqa: FBT002
) -> Annotated[CallToolResult, Moved]:
    """Put a version into production if it is shown to be better; else says what is missing. Ask the user first."""
    moved = await service_of(ctx).promote(
        skill, version, reason, actor_of(ctx), expected_production=expected_production, force=force
    )
    return said(moved)
