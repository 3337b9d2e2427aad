"""The wire: requests to one Ollama server through its Python client, and its failures as errors of ours.

The client's own request method is used, not its typed ones: they do not know `truncate` and `shift`, and drop the bytes
of a token. What the client does by default and this does not: wait for ever, send loopback traffic to a proxy, and
report a refused connection in two ways.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
import httpx
import ollama
from pydantic import BaseModel, ValidationError

from promptbreeder.errors import ModelBusy, ModelCrashed, ModelError, ModelMissing, ModelTimeout, ModelUnreachable
from promptbreeder.models.ollama.address import address_of, is_local
from promptbreeder.models.ollama.answers import Progress

CONNECT_SECONDS = 5.0
READ_SECONDS = 300.0
"""Longest silence; loading a large model from a slow disk is silent."""
OVERALL_SECONDS = 600.0
"""Longest time for one answer, queueing and loading included."""
BUSY_PAUSES: Final = [0.5, 1.0, 2.0, 4.0]
"""Seconds to wait before asking a server again whose queue is full; then it is called busy."""
_NOT_FOUND, _BAD_REQUEST, _TOO_MANY, _UNAVAILABLE = 404, 400, 429, 503
_REFUSED = (401, 403)
_SHOWN = 200
Kind = TypeVar("Kind", bound=BaseModel)


class Rejected(ModelError):
    """The server finds fault with this one request (HTTP 400); the backend decides what that means."""


class Wire:
    """Talks to the server at one address."""

    def __init__(self, host: str | None) -> None:
        """Name the server as OLLAMA_HOST does; nothing is sent yet.

        Raises:
            InvalidInput: if that is no address.
        """
        self.address = address_of(host)
        plain = self.address.startswith("http:")
        self._client = ollama.AsyncClient(
            host=self.address,
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not is_local(self.address),
            follow_redirects=False,
            # Reading all certificates takes longer than most requests; without TLS none is needed.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True,
        )

    async def get(self, path: str, kind: type[Kind], *, seconds: float = OVERALL_SECONDS) -> Kind:
        """Return what is at `path`; raises as `post`."""
        return await self._answer("GET", path, None, kind, seconds)

    async def post(self, path: str, body: dict[str, Any], kind: type[Kind]) -> Kind:
        """Return what answers `body`. Asked again only where the server's queue is full.

        Raises:
            ModelUnreachable: if nothing answers, or something that is no Ollama.
            ModelMissing: if the model is not there.
            ModelTimeout: if the answer takes too long.
            ModelBusy: if the queue stays full.
            ModelCrashed: if the connection breaks off, the server fails, or its answer is not of this kind.
            Rejected: if the request cannot be answered.
        """
        for pause in BUSY_PAUSES:
            with contextlib.suppress(ModelBusy):
                return await self._answer("POST", path, body, kind, OVERALL_SECONDS)
            await anyio.sleep(pause)
        return await self._answer("POST", path, body, kind, OVERALL_SECONDS)

    async def lines(self, path: str, body: dict[str, Any]) -> AsyncIterator[Progress]:
        """Yield the lines of a streamed answer; raises as `post`, also in its midst."""
        with translated(self.address):
            async with self._client._client.stream("POST", path, json=body) as response:  # noqa: SLF001 - see above
                if response.is_error:
                    raise ollama.ResponseError((await response.aread()).decode(errors="replace"), response.status_code)
                async for line in response.aiter_lines():
                    part = Progress.model_validate_json(line)
                    if part.error:
                        raise ollama.ResponseError(part.error)
                    yield part

    async def upload(self, file: Path, digest: str) -> None:
        """Give the server a file under its SHA-256, unless it has it; raises as `post`."""
        path = f"/api/blobs/sha256:{digest}"
        with translated(self.address):
            if (await self._client._client.head(path)).is_success:  # noqa: SLF001 - see above
                return
            async with await anyio.open_file(file, "rb") as source:

                async def pieces() -> AsyncIterator[bytes]:
                    while piece := await source.read(1 << 20):
                        yield piece

                await self._client._request_raw("POST", path, content=pieces())  # type: ignore[no-untyped-call] # noqa: SLF001 - see above

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client._client.aclose()  # noqa: SLF001 - not every version of the client has a method for it

    async def _answer(
        self, method: str, path: str, body: dict[str, Any] | None, kind: type[Kind], seconds: float
    ) -> Kind:
        with translated(self.address):
            with anyio.fail_after(seconds):
                response = await self._client._request_raw(method, path, json=body)  # type: ignore[no-untyped-call] # noqa: SLF001 - see above
            return kind.model_validate_json(response.content)


@contextlib.contextmanager
def translated(address: str) -> Iterator[None]:
    """Turn whatever the client raises into an error of ours that says what to do."""
    try:
        yield
    except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise ModelUnreachable(
            f"no Ollama answers at {address}: start it (its app, or `ollama serve`), or set OLLAMA_HOST to where it is"
        ) from error
    except (TimeoutError, httpx.TimeoutException) as error:
        raise ModelTimeout(f"Ollama at {address} gave no answer in time; is the machine overloaded?") from error
    except httpx.HTTPError as error:
        raise ModelCrashed(f"the connection to Ollama at {address} broke off ({error}); see Ollama's log") from error
    except ollama.ResponseError as error:
        raise _meaning(error, address) from error
    except ValidationError as error:
        first = error.errors()[0]
        if place := ".".join(map(str, first["loc"])):
            raise ModelCrashed(
                f"Ollama at {address} answered what is not understood ({place}: {first['msg']}); see its log"
            ) from error
        raise ModelUnreachable(
            f"what answers at {address} is no Ollama, or a proxy stands before it (no JSON); check OLLAMA_HOST"
        ) from error


def _meaning(error: ollama.ResponseError, address: str) -> ModelError:
    status, said = error.status_code, error.error.strip()[:_SHOWN]
    if status == _NOT_FOUND and "page not found" not in said and not said.startswith("<"):
        return ModelMissing(f"Ollama at {address} says: {said}. `promptbreeder-mcp models` lists what is there")
    if status == _BAD_REQUEST:
        return Rejected(said)
    if status in {_TOO_MANY, _UNAVAILABLE}:
        return ModelBusy(f"Ollama at {address} is busy ({said}); try again later")
    if status in _REFUSED:
        return ModelUnreachable(f"Ollama at {address} refuses ({status}: {said}); is OLLAMA_API_KEY right?")
    if status == _NOT_FOUND or said.startswith("<"):
        return ModelUnreachable(
            f"what answers at {address} is no Ollama, or too old a one ({status}); check OLLAMA_HOST"
        )
    return ModelCrashed(f"Ollama at {address} failed: {said or status}; see its log")
