"""Tool `record_vote`."""

from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import Field

from promptbreeder.results import VoteReport
from promptbreeder.service import Service
from promptbreeder_tools.call import Ctx, actor_of, answering, said, service_of


def register(server: MCPServer[Service]) -> None:
    """Add the tool."""
    server.add_tool(
        record_vote,
        title="Record a vote",
        annotations=ToolAnnotations(destructive_hint=False, idempotent_hint=False, open_world_hint=False),
    )


@answering
async def record_vote(
    ctx: Ctx,
    duel_id: Annotated[str, Field(max_length=40)],
    choice: Literal["A", "B", "tie"],
    comment: Annotated[str, Field(max_length=2_000)] = "",
) -> Annotated[CallToolResult, VoteReport]:
    """Record the user's choice of a duel, never your own. One vote per duel."""
    return said(await service_of(ctx).vote(duel_id, choice, actor_of(ctx), comment))
