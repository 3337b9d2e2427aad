"""Tool `promote`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import Moved
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, actor_of, answering, said, service_of
from promptbreeder_tools.declaring import declared


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
    """Put a version into production if it is shown to be better; else says what is missing. Ask the user first.

    Measures what was never measured; after a timeout call it again, and it goes on where it stopped.
    """
    moved = await service_of(ctx).promote(
        skill, version, reason, actor_of(ctx), expected_production=expected_production, force=force
    )
    return said(moved)


TOOL = declared(promote, "Promote a version", destructive_hint=True, idempotent_hint=False)
