"""Tool `run_skill`."""

from typing import Annotated

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from promptbreeder.results import Answered
from promptbreeder.service import Service
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, answering, said, service_of


def register(server: MCPServer[Service]) -> None:
    """Add the tool."""
    server.add_tool(
        run_skill, title="Run a skill", annotations=ToolAnnotations(destructive_hint=False, open_world_hint=False)
    )


@answering
async def run_skill(
    ctx: Ctx,
    skill: SkillName,
    input: Annotated[str, Field(max_length=16_000)],  # noqa: A002 - the tool's contract
    version: VersionNumber | None = None,
) -> Annotated[CallToolResult, Answered]:
    """Answer one input with the skill's production prompt (or a version) on its local model."""
    return said(await service_of(ctx).run_skill(skill, input, version))
