"""Tool `evolve_prompt`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.requests import BUDGET_TOKENS, DEFAULT_BUDGET_TOKENS, MAX_CANDIDATES, MAX_SEED, EvolveRequest
from promptbreeder.results import RunReport
from promptbreeder_tools.call import Ctx, SkillName, Wait, actor_of, answering, said, service_of, told
from promptbreeder_tools.declaring import declared


@answering
async def evolve_prompt(
    ctx: Ctx,
    skill: SkillName,
    strategy: Annotated[
        str, Field(max_length=64, description="auto, promptbreeder, evoprompt-ga, evoprompt-de, opro, edits, mipro")
    ] = "auto",
    profile: Annotated[
        str | None,
        Field(
            max_length=64,
            description="Default smollm2; or paper (not auto, edits), paper-small (promptbreeder), thorough (edits)",
        ),
    ] = None,
    seed_with: Annotated[str | None, Field(max_length=64, description="Strategy that goes first")] = None,
    generations: Annotated[int | None, Field(ge=1, le=200)] = None,
    population: Annotated[int | None, Field(ge=2, le=100)] = None,
    budget_tokens: Annotated[int, Field(ge=BUDGET_TOKENS[0], le=BUDGET_TOKENS[1])] = DEFAULT_BUDGET_TOKENS,
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] = 1,
    candidates: Annotated[
        list[str] | None, Field(max_length=MAX_CANDIDATES, description="Prompts of your own to try")
    ] = None,
    run_id: Annotated[str | None, Field(max_length=40, description="Resume this run, or hand it candidates")] = None,
    wait_seconds: Wait = 45,
) -> Annotated[CallToolResult, RunReport]:
    """Search a better prompt for a skill on its own model, offline, in the background: takes minutes.

    Until it ends, the same arguments again join or resume it. Promotes nothing, unless the skill opted in to that.
    """
    request = EvolveRequest.parse(
        {
            "skill": skill,
            "strategy": strategy,
            "profile": profile,
            "seed_with": seed_with,
            "generations": generations,
            "population": population,
            "budget_tokens": budget_tokens,
            "seed": seed,
            "candidates": candidates or (),
            "run_id": run_id,
        }
    )
    report = await service_of(ctx).evolve(request, actor_of(ctx), wait_seconds=wait_seconds, on_progress=told(ctx))
    return said(report)


TOOL = declared(evolve_prompt, "Evolve a prompt", destructive_hint=False)
