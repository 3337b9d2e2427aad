"""What all tools share: who is calling, how results are said, how errors are told."""

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal, ParamSpec, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import BaseModel, Field

from promptbreeder.errors import PromptBreederError
from promptbreeder.requests import Actor
from promptbreeder.results import RunReport
from promptbreeder.service import OnProgress, Service
from promptbreeder_tools.fitting import fitted

log = logging.getLogger(__name__)
P = ParamSpec("P")
Ctx: TypeAlias = Context[Service, object]
SkillName: TypeAlias = Annotated[str, Field(max_length=64)]
VersionNumber: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
Wait: TypeAlias = Annotated[float, Field(ge=0, le=600, description="Return at the latest after this")]

MAX_ERROR_CHARACTERS = 2_000
_SIGN_OF_LIFE = 0.01
"""Tokens by which progress is told to be further where it is not."""


def service_of(ctx: Ctx) -> Service:
    """Return the service that the server's lifespan holds."""
    return ctx.request_context.lifespan_context


def shows_forms(ctx: Ctx) -> bool:
    """Tell whether the client declared that it asks its user in forms; declaring no mode means forms."""
    capabilities = ctx.client_capabilities
    forms = capabilities.elicitation if capabilities is not None else None
    return forms is not None and (forms.form is not None or forms.url is None)


def actor_of(ctx: Ctx, kind: Literal["human", "assistant"] = "assistant") -> Actor:
    """Return the calling client; what comes through a tool is relayed by an assistant, unless a form was filled in."""
    params = ctx.request_context.session.client_params
    info = params.client_info if params is not None else None
    return Actor(kind, f"{info.name} {info.version}"[:120] if info is not None else "mcp client")


def said(result: BaseModel) -> CallToolResult:
    """Return a result fully as text and fully as data: some clients show the model only one of the two."""
    shown = fitted(result)
    return CallToolResult(
        content=[TextContent(type="text", text=str(shown))], structured_content=shown.model_dump(mode="json")
    )


def told(ctx: Ctx) -> OnProgress:
    """Return a callback that reports a run's progress to the caller, if it asked for progress."""
    shown = 0.0

    async def tell(report: RunReport) -> None:
        # Also told where nothing was spent, so that the client goes on waiting; yet the protocol asks for an increase.
        nonlocal shown
        shown = max(float(report.tokens), shown + _SIGN_OF_LIFE)
        await ctx.report_progress(shown, max(report.budget_tokens, shown), f"generation {report.generation}")

    return tell


def answering(tool: Callable[P, Awaitable[CallToolResult]]) -> Callable[P, Awaitable[CallToolResult]]:
    """Turn our errors into tool errors that the model can act on; the rest is logged and said plainly."""

    @functools.wraps(tool)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            return await tool(*args, **kwargs)
        except ToolError:
            raise
        except PromptBreederError as error:
            raise ToolError(encodable(str(error))) from error
        except Exception as error:  # the caller must be told something of use, whatever it was
            log.exception("a tool failed")
            raise ToolError(
                "an unexpected error; it is in the server's log (stderr). `promptbreeder-mcp doctor` checks the set-up."
            ) from error

    # Without its indentation, which an assistant would be sent as well.
    wrapped.__doc__ = inspect.getdoc(tool)
    return wrapped


def encodable(text: str) -> str:
    """Return an error's text, capped, without lone surrogates (a path may hold some): sent, they end the server."""
    return text[:MAX_ERROR_CHARACTERS].encode(errors="replace").decode()
