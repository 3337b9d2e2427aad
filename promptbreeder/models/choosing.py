"""Which models there are here, and from a model's name, as settings and skills hold it, to a backend.

`auto` is decided once, when a skill is defined: a skill stays with the model that it was measured on.
"""

import contextlib
import importlib.util
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio.to_thread

from promptbreeder.errors import InvalidInput, ModelError, ModelMissing
from promptbreeder.models import fetching, weights
from promptbreeder.models.base import Model, Pulled, Usable
from promptbreeder.models.embedded import EmbeddedModel, EngineName
from promptbreeder.models.ollama import pulling
from promptbreeder.models.ollama.backend import OllamaModel
from promptbreeder.models.ollama.server import Held, models_of, version_of
from promptbreeder.models.ollama.wire import Wire
from promptbreeder.models.scripted import ScriptedModel

AUTO, EMBEDDED, OLLAMA, SCRIPTED = "auto", "embedded", "ollama", "scripted"
PROBE_SECONDS = 0.5
"""How long `auto` waits for an Ollama."""
PREFERRED = (":360m", ":135m", ":1.7b")
"""Sizes of SmolLM2 in the order in which `auto` takes them."""
PACKAGED = f"{weights.BUNDLED}-packaged"
"""The packaged weights' name in a user's Ollama: not the library's, which may be pulled over it."""


class Models:
    """See `promptbreeder.models.base.Catalog`."""

    def __init__(
        self, folder: Path, *, engine: EngineName = "auto", ollama_host: str | None = None, ollama_parallel: int = 2
    ) -> None:
        """Keep weights in `folder`; look for Ollama where OLLAMA_HOST says."""
        self._folder = folder
        self._engine: EngineName = engine
        self._host = ollama_host
        self._parallel = ollama_parallel

    def make(self, name: str) -> Model:
        """Return the backend of a model by its full name; not open yet.

        Raises:
            InvalidInput: if it is no model's name.
        """
        kind, _, rest = name.partition(":")
        if name == SCRIPTED:
            return ScriptedModel()
        if kind == EMBEDDED:
            return EmbeddedModel("" if rest == weights.BUNDLED else rest, self._folder, engine=self._engine)
        if kind == OLLAMA:
            return OllamaModel(rest, self._host, parallel=self._parallel)
        raise InvalidInput(
            f"{name[:80]!r} is not a model; use auto, ollama:smollm2:360m (or another that Ollama holds), embedded, "
            "embedded:/path/to/model.gguf or scripted"
        )

    async def resolve(self, name: str) -> str:
        """Return the full name; `auto` is a SmolLM2 of an Ollama that answers, else the embedded model.

        A file that is named must be there, and is named from the root: a skill is bound to it for good.
        """
        if name != AUTO:
            found = self.make(name).name
            kind, _, rest = found.partition(":")
            # The packaged weights may come later: `pull` fetches them under the same name.
            if kind == EMBEDDED and rest != weights.BUNDLED:
                file = weights.find(rest, self._folder)
                if rest.endswith(".gguf"):
                    return f"{EMBEDDED}:{file.absolute()}"
            return found
        if smollm := _smollm(await self._held()):
            return f"{OLLAMA}:{smollm[0].name}"
        if _engine_installed():
            return self.make(EMBEDDED).name
        raise ModelMissing(
            "no model can be run here. Either start Ollama and `promptbreeder-mcp pull ollama:smollm2:360m`, or pip "
            "install 'promptbreeder-mcp[embedded]', which needs no Ollama; PROMPTBREEDER_MODEL=scripted tries the "
            "tools without a model"
        )

    async def usable(self) -> tuple[Usable, ...]:
        """Return what Ollama holds, SmolLM2 first, and the embedded model."""
        held = await self._held()
        smollm = _smollm(held)
        others = [model for model in held if model not in smollm]
        found = [_of_ollama(model) for model in smollm]
        if _engine_installed():
            with contextlib.suppress(ModelMissing):
                file = weights.find("", self._folder)
                engine = "native" if self._engine != "portable" and _installed("llama_cpp") else "portable"
                detail = f"llama.cpp in this process, {engine} engine"
                found.append(Usable(f"{EMBEDDED}:{weights.BUNDLED}", file.stat().st_size, detail))
        return (
            *found,
            *map(_of_ollama, others),
            Usable(SCRIPTED, 0, "no model: toy answers to try the tools with"),
        )

    async def pull(self, name: str, *, bundled: bool = False) -> AsyncIterator[Pulled]:
        """Get a model.

        Raises:
            InvalidInput: if it is none that can be got.
            ModelError: if it cannot be got now, saying why.
        """
        if bundled or name.startswith(f"{OLLAMA}:"):
            wire = Wire(self._host)
            try:
                async for step in await self._into_ollama(wire, "" if bundled else name):
                    yield step
            finally:
                await wire.aclose()
        elif name in {EMBEDDED, f"{EMBEDDED}:{weights.BUNDLED}"}:
            yield Pulled("fetching SmolLM2-135M")
            file = await anyio.to_thread.run_sync(fetching.fetch, self._folder / weights.FETCHED)
            yield Pulled(f"{file} is there")
        else:
            raise InvalidInput(f"{name[:80]!r} cannot be got; use ollama:smollm2:360m (or another size) or embedded")

    async def _into_ollama(self, wire: Wire, name: str) -> AsyncIterator[Pulled]:
        """Pull `name`, or without one hand over the packaged weights."""
        if name:
            return pulling.pull(wire, self.make(name).name.removeprefix(f"{OLLAMA}:"))
        file = await anyio.to_thread.run_sync(weights.find, "", self._folder)
        return pulling.register(wire, PACKAGED, file)

    async def _held(self) -> tuple[Held, ...]:
        """Return what the user's Ollama holds; nothing where none answers soon."""
        wire = Wire(self._host)
        try:
            await version_of(wire, seconds=PROBE_SECONDS)
            return await models_of(wire)
        except ModelError:
            return ()
        finally:
            await wire.aclose()


def _smollm(held: Sequence[Held]) -> list[Held]:
    """Return the SmolLM2 of those, what `auto` takes first."""
    found = [model for model in held if "smollm2" in model.name.lower()]
    return sorted(found, key=lambda model: [size not in model.name for size in PREFERRED])


def _of_ollama(model: Held) -> Usable:
    return Usable(f"{OLLAMA}:{model.name}", model.size, f"Ollama, {model.family or 'unknown'} family")


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _engine_installed() -> bool:
    return _installed("llama_cpp") or _installed("xllamacpp")
