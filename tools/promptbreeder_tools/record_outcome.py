"""Tool `record_outcome`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import OutcomeReport
from promptbreeder_tools.call import Ctx, actor_of, answering, said, service_of
from promptbreeder_tools.declaring import declared


@answering
async def record_outcome(
    ctx: Ctx,
    call_id: Annotated[str, Field(max_length=40)],
    correct: bool | None = None,  # noqa: FBT001 - the tool's contract; arguments come by name
    expected: Annotated[
        str | None, Field(max_length=16_000, description="The right answer; becomes an example")
    ] = None,
    note: Annotated[str, Field(max_length=2_000)] = "",
) -> Annotated[CallToolResult, OutcomeReport]:
    """Tell whether run_skill's answer was right, or what would have been. Once per call."""
    report = await service_of(ctx).record_outcome(call_id, actor_of(ctx), correct=correct, expected=expected, note=note)
    return said(report)


TOOL = declared(record_outcome, "Record an outcome", destructive_hint=False, idempotent_hint=False)
