"""Tool `define_skill`."""

from typing import Annotated, Any, Required

from mcp_types import CallToolResult
from pydantic import Field
from typing_extensions import TypedDict

from promptbreeder.requests import MAX_EXAMPLES_PER_CALL, SkillDefinition
from promptbreeder.results import SkillReport
from promptbreeder.skill import Metric, Settings
from promptbreeder_tools.call import Ctx, SkillName, actor_of, answering, said, service_of
from promptbreeder_tools.declaring import declared


class ExampleGiven(TypedDict, total=False):
    """One labelled example."""

    input: Required[str]
    expected: str | None


@answering
async def define_skill(
    ctx: Ctx,
    name: Annotated[SkillName, Field(description="Lower-case slug, e.g. ticket-route")],
    prompt: Annotated[str, Field(max_length=8_000, description="Today's; {{input}} marks where the input goes")],
    description: Annotated[
        str | None, Field(max_length=2_000, description="What the task is; needed for a new skill")
    ] = None,
    examples: Annotated[
        list[ExampleGiven], Field(max_length=MAX_EXAMPLES_PER_CALL, description="Call again to add more")
    ] = [],  # noqa: B006 - never changed; becomes the schema's default
    labels: Annotated[list[str] | None, Field(max_length=64, description="The closed set of answers, if any")] = None,
    metric: Annotated[Metric | None, Field(description="Default: label with labels, else exact")] = None,
    variant: Annotated[
        str | None, Field(max_length=8_000, description="A second prompt to compare with, as another version")
    ] = None,
    inherit_from: Annotated[
        str | None, Field(max_length=64, description="A skill whose prompt's form the first run tries")
    ] = None,
    settings: Annotated[
        dict[str, Any] | None,
        Field(
            description=f"Replaces all, left out means default: {', '.join(Settings.model_fields)}; weights is "
            "balanced, fast, taste or accurate"
        ),
    ] = None,
) -> Annotated[CallToolResult, SkillReport]:
    """Create a skill (a small task that a local model does); with a known name, add examples and a new prompt version.

    What else is given replaces what a known skill has; what is left out stays. Repeat version 1's prompt to add
    examples only. 100 examples are good; evolving needs about 27, evidence about 50.
    """
    given = {
        "name": name,
        "description": description,
        "prompt": prompt,
        "variant": variant,
        "examples": examples,
        "labels": labels or (),
        "metric": metric,
        "settings": settings,
        "inherit_from": inherit_from,
    }
    definition = SkillDefinition.parse(given)
    return said(await service_of(ctx).define_skill(definition, actor_of(ctx)))


TOOL = declared(define_skill, "Define or extend a skill", destructive_hint=False, idempotent_hint=True)
