"""Tool `run_skill`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import Answered
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, answering, said, service_of
from promptbreeder_tools.declaring import declared


@answering
async def run_skill(
    ctx: Ctx,
    skill: SkillName,
    input: Annotated[str, Field(max_length=16_000)],  # noqa: A002 - the tool's contract
    version: VersionNumber | None = None,
) -> Annotated[CallToolResult, Answered]:
    """Answer one input with the skill's production prompt (or a version) on its local model."""
    return said(await service_of(ctx).run_skill(skill, input, version))


TOOL = declared(run_skill, "Run a skill", destructive_hint=False)
