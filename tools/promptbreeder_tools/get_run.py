"""Tool `get_run`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import BriefedRun
from promptbreeder_tools.call import Ctx, Wait, answering, said, service_of, told
from promptbreeder_tools.declaring import declared


@answering
async def get_run(
    ctx: Ctx,
    run_id: Annotated[str, Field(max_length=40)],
    wait_seconds: Wait = 45,
    brief: Annotated[  # noqa: FBT002 - the tool's contract
        bool, Field(description="Also what to know for writing better prompts: failures, best prompts, what was tried")
    ] = False,
) -> Annotated[CallToolResult, BriefedRun]:
    """State of a run; waits for its end up to wait_seconds."""
    report = await service_of(ctx).get_run(run_id, wait_seconds=wait_seconds, on_progress=told(ctx), brief=brief)
    return said(report)


TOOL = declared(get_run, "Follow a run", read_only_hint=True)
