"""What all resources share: JSON out, our errors as resource errors."""

import functools
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec

from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from pydantic import BaseModel

from promptbreeder.errors import InvalidInput, NotFound, PromptBreederError

P = ParamSpec("P")
JSON_TYPE = "application/json"
MAX_ERROR_CHARACTERS = 2_000


def as_json(result: BaseModel | Sequence[BaseModel]) -> str:
    """Return one result or a list of them as JSON."""
    if isinstance(result, BaseModel):
        return result.model_dump_json(indent=2)
    return json.dumps([entry.model_dump(mode="json") for entry in result], ensure_ascii=False, indent=2)


def reading(read: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[str]]:
    """Turn our errors into resource errors."""

    @functools.wraps(read)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            return await read(*args, **kwargs)
        except (NotFound, InvalidInput) as error:
            # An address with a part that cannot be used names nothing.
            raise ResourceNotFoundError(_encodable(error)) from error
        except PromptBreederError as error:
            raise ResourceError(_encodable(error)) from error

    return wrapped


def _encodable(error: PromptBreederError) -> str:
    """Return the message, capped, without lone surrogates (a path may hold some): sent, they end the server."""
    return str(error)[:MAX_ERROR_CHARACTERS].encode(errors="replace").decode()
