"""Tool `compare_prompts`."""

from typing import Annotated

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from promptbreeder.results import Duel
from promptbreeder.service import Service
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, answering, said, service_of, shows_forms


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
        str | None, Field(max_length=16_000, description="Default: one is drawn")
    ] = None,
    a: Annotated[VersionNumber | None, Field(description="Default: production")] = None,
    b: Annotated[VersionNumber | None, Field(description="Default: a candidate")] = None,
) -> Annotated[CallToolResult, Duel]:
    """Run two versions on one input and return answers A and B in random order, for the user to judge."""
    duel = await service_of(ctx).compare(skill, text=input, a=a, b=b)
    if shows_forms(ctx):
        duel = duel.model_copy(
            update={"next_step": f"record_vote('{duel.duel_id}') asks the user in a form. {duel.next_step}"}
        )
    return said(duel)
