"""What all tools share: who is calling, how results are said, how errors are told."""

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, ParamSpec, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from promptbreeder.errors import PromptBreederError
from promptbreeder.requests import Actor
from promptbreeder.results import RunReport
from promptbreeder.service import OnProgress, Service

log = logging.getLogger(__name__)
P = ParamSpec("P")
Ctx: TypeAlias = Context[Service, object]
SkillName: TypeAlias = Annotated[str, Field(max_length=64)]
VersionNumber: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Wait: TypeAlias = Annotated[float, Field(ge=0, le=600, description="Return at the latest after this")]


def service_of(ctx: Ctx) -> Service:
    """Return the service that the server's lifespan holds."""
    return ctx.request_context.lifespan_context


def actor_of(ctx: Ctx) -> Actor:
    """Return the calling client; what comes through a tool is relayed by an assistant."""
    params = ctx.request_context.session.client_params
    info = params.client_info if params is not None else None
    return Actor("assistant", f"{info.name} {info.version}"[:120] if info is not None else "mcp client")


def said(result: BaseModel) -> CallToolResult:
    """Return a result fully as text and fully as data: some clients show the model only one of the two."""
    return CallToolResult(
        content=[TextContent(type="text", text=str(result))], structured_content=result.model_dump(mode="json")
    )


def told(ctx: Ctx) -> OnProgress:
    """Return a callback that reports a run's progress to the caller, if it asked for progress."""

    async def tell(report: RunReport) -> None:
        await ctx.report_progress(report.tokens, report.budget_tokens, f"generation {report.generation}")

    return tell


def answering(tool: Callable[P, Awaitable[CallToolResult]]) -> Callable[P, Awaitable[CallToolResult]]:
    """Turn our errors into tool errors that the model can act on; the rest is logged and said plainly."""

    @functools.wraps(tool)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            return await tool(*args, **kwargs)
        except PromptBreederError as error:
            raise ToolError(str(error)) from error
        except Exception as error:  # the caller must be told something of use, whatever it was
            log.exception("a tool failed")
            raise ToolError(
                "an unexpected error; it is in the server's log (stderr). `promptbreeder-mcp doctor` checks the set-up."
            ) from error

    return wrapped
