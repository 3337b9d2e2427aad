"""What all resources share: JSON out, our errors as resource errors."""

import functools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec, TypeAlias

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from pydantic import BaseModel

from promptbreeder.errors import NotFound, PromptBreederError
from promptbreeder.service import Service

P = ParamSpec("P")
Ctx: TypeAlias = Context[Service, object]
JSON_TYPE = "application/json"


def as_json(result: BaseModel | Sequence[BaseModel]) -> str:
    """Return one result or a list of them as JSON."""
    if isinstance(result, BaseModel):
        return result.model_dump_json(indent=2)
    return json.dumps([entry.model_dump(mode="json") for entry in result], ensure_ascii=False, indent=2)


def service_of(ctx: Ctx) -> Service:
    """Return the service that the server's lifespan holds."""
    return ctx.request_context.lifespan_context


def reading(read: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[str]]:
    """Turn our errors into resource errors."""

    @functools.wraps(read)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return await read(*args, **kwargs)
        except NotFound as error:
            raise ResourceNotFoundError(str(error)) from error
        except PromptBreederError as error:
            raise ResourceError(str(error)) from error

    return wrapped
