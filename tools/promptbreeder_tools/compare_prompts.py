"""Tool `compare_prompts`."""

from typing import Annotated

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from promptbreeder.results import Duel
from promptbreeder.service import Service
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, answering, said, service_of


def register(server: MCPServer[Service]) -> None:
    """Add the tool."""
    server.add_tool(
        compare_prompts,
        title="Compare two versions blind",
        annotations=ToolAnnotations(destructive_hint=False, open_world_hint=False),
    )


@answering
async def compare_prompts(
    ctx: Ctx,
    skill: SkillName,
    input: Annotated[  # noqa: A002 - the tool's contract
        str | None, Field(max_length=16_000, description="Default: an example is drawn")
    ] = None,
    a: Annotated[VersionNumber | None, Field(description="Default: production")] = None,
    b: Annotated[VersionNumber | None, Field(description="Default: the newest version")] = None,
) -> Annotated[CallToolResult, Duel]:
    """Run two versions on one input and return answers A and B in random order, for the user to judge."""
    return said(await service_of(ctx).compare(skill, text=input, a=a, b=b))
