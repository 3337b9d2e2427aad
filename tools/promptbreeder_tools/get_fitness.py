"""Tool `get_fitness`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import Fitness
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, answering, said, service_of
from promptbreeder_tools.declaring import declared

MAX_SKILLS = 16
"""As many lines as fit a result."""


@answering
async def get_fitness(
    ctx: Ctx,
    skill: SkillName | None = None,
    version: Annotated[VersionNumber | None, Field(description="Default: production")] = None,
    headroom: Annotated[  # noqa: FBT002 - the tool's contract
        bool, Field(description="Only check whether evolving production is worth it; up to a minute")
    ] = False,
) -> Annotated[CallToolResult, Fitness]:
    """Accuracy, fitness, votes of a version, and whether it is ready for production; without skill, a line a skill.

    Measures what was never measured; after a timeout call it again, and it goes on where it stopped.
    """
    found = await service_of(ctx).fitness(skill, version, headroom=headroom)
    more = max(0, len(found.skills) - MAX_SKILLS)
    return said(found.model_copy(update={"skills": found.skills[:MAX_SKILLS], "more": more}))


TOOL = declared(get_fitness, "Accuracy and evidence", destructive_hint=False, idempotent_hint=True)
