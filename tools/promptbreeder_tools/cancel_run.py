"""Tool `cancel_run`."""

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from promptbreeder.results import RunReport
from promptbreeder_tools.call import Ctx, actor_of, answering, said, service_of
from promptbreeder_tools.declaring import declared


@answering
async def cancel_run(
    ctx: Ctx,
    run_id: Annotated[str, Field(max_length=40)],
) -> Annotated[CallToolResult, RunReport]:
    """Stop a run for good; its best prompt so far is kept as a version where it is ahead."""
    return said(await service_of(ctx).cancel_run(run_id, actor_of(ctx)))


TOOL = declared(cancel_run, "Cancel a run", destructive_hint=True, idempotent_hint=False)
