"""Tool `compare_prompts`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import Duel
from promptbreeder_tools.call import Ctx, SkillName, VersionNumber, answering, said, service_of, shows_forms
from promptbreeder_tools.declaring import declared


@answering
async def compare_prompts(
    ctx: Ctx,
    skill: SkillName,
    input: Annotated[  # noqa: A002 - the tool's contract
        str | None, Field(max_length=16_000, description="Default: drawn from train examples and earlier inputs")
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


TOOL = declared(compare_prompts, "Compare two versions blind", destructive_hint=False)
