"""Tool `rollback`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import Moved
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, actor_of, answering, said, service_of
from promptbreeder_tools.declaring import declared


@answering
async def rollback(
    ctx: Ctx,
    skill: SkillName,
    reason: Annotated[str, Field(max_length=2_000)],
    to_version: VersionNumber | None = None,
) -> Annotated[CallToolResult, Moved]:
    """Put the previous production version (or to_version) back into production."""
    return said(await service_of(ctx).rollback(skill, reason, actor_of(ctx), to_version=to_version))


TOOL = declared(rollback, "Roll back", destructive_hint=True, idempotent_hint=True)
