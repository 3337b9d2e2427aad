"""Bringing a model into a user's Ollama: from its library, or from a file on this machine."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread

from promptbreeder.errors import ModelCrashed, ModelMissing
from promptbreeder.models import weights
from promptbreeder.models.base import Pulled
from promptbreeder.models.ollama.answers import Progress
from promptbreeder.models.ollama.wire import Rejected, Wire

TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
"""ChatML and nothing else: the library's template puts a system text of its own before a chat without one."""
STOPS = ("<|im_start|>", "<|im_end|>")


async def pull(wire: Wire, name: str) -> AsyncIterator[Pulled]:
    """Pull a model from Ollama's library; one that was interrupted goes on where it stopped.

    Raises:
        ModelMissing: if the library has no such model, or cannot be reached.
        ModelError: if the server fails.
    """
    try:
        async for part in wire.lines("/api/pull", {"model": name, "stream": True}):
            yield _progress(part)
    except Rejected as error:
        raise ModelMissing(
            f"{name} is no model that Ollama can pull: {error}; is it spelt as in its library?"
        ) from error
    except (ModelCrashed, ModelMissing) as error:
        # The server tells in its answer's midst what went wrong between it and its library.
        raise ModelMissing(
            f"{name} could not be pulled: {error}. What has come stays; the same command goes on from there"
        ) from error


async def register(wire: Wire, name: str, file: Path) -> AsyncIterator[Pulled]:
    """Make a model of a GGUF file on this machine, without internet; raises as `pull`."""
    yield Pulled("reading the file")
    digest = await anyio.to_thread.run_sync(weights.digest, file)
    yield Pulled("handing the file to Ollama")
    await wire.upload(file, digest)
    body = {
        "model": name,
        "files": {file.name: f"sha256:{digest}"},
        "template": TEMPLATE,
        "parameters": {"stop": list(STOPS)},
        "stream": True,
    }
    async for part in wire.lines("/api/create", body):
        yield _progress(part)


def _progress(part: Progress) -> Pulled:
    return Pulled(part.status or "", part.completed or 0, part.total or 0)
