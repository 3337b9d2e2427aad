"""What an Ollama server says of itself and of a model: version, digest, chat format, context."""

import re
from dataclasses import dataclass
from typing import Self

from promptbreeder.errors import ModelMissing, ModelUnreachable
from promptbreeder.models.ollama.answers import ShowAnswer, TagsAnswer, VersionAnswer
from promptbreeder.models.ollama.wire import Wire

REFUSES_LONG_PROMPTS = (0, 12, 6)
"""First version that knows `truncate`: older ones cut a long prompt from the front, in silence."""
TELLS_PROBABILITIES = (0, 12, 11)
"""First version that knows `logprobs`."""
UNNUMBERED = (9999,)
"""A build from source calls itself 0.0.0; it is taken for new."""


@dataclass(frozen=True, slots=True)
class Version:
    """A server's version, as said and as numbers."""

    text: str
    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read for example `0.12.11-rc1`."""
        numbers = tuple(map(int, re.findall(r"\d+", text.partition("-")[0])))
        return cls(text, numbers if any(numbers) else UNNUMBERED)


@dataclass(frozen=True, slots=True)
class Held:
    """A model that the server holds."""

    name: str
    digest: str
    size: int
    """Bytes."""
    family: str


@dataclass(frozen=True, slots=True)
class Shape:
    """How a model wants to be asked."""

    context: int
    """Longest context that it was made for, in tokens; 0 where that is not told."""
    chatml: bool
    thinks: bool


async def version_of(wire: Wire, *, seconds: float = 30.0) -> Version:
    """Return the server's version.

    Raises:
        ModelUnreachable: if it is too old to be of use.
    """
    version = Version.parse((await wire.get("/api/version", VersionAnswer, seconds=seconds)).version)
    if version.numbers < REFUSES_LONG_PROMPTS:
        raise ModelUnreachable(
            f"Ollama at {wire.address} is version {version.text}; 0.12.6 or newer is needed (older ones cut long "
            "prompts from the front without a word): update it"
        )
    return version


async def models_of(wire: Wire, *, seconds: float = 30.0) -> tuple[Held, ...]:
    """Return what the server holds, in its own order."""
    said = await wire.get("/api/tags", TagsAnswer, seconds=seconds)
    return tuple(
        Held(model.name, model.digest, model.size or 0, (model.details.family if model.details else "") or "")
        for model in said.models or ()
    )


async def held(wire: Wire, name: str) -> Held:
    """Return the model `name`.

    Raises:
        ModelMissing: with the ways to get it.
    """
    found = {model.name: model for model in await models_of(wire)}
    if name not in found:
        known = ", ".join(sorted(found)[:8]) or "none"
        raise ModelMissing(
            f"Ollama at {wire.address} does not hold {name} (it holds: {known}); get it with `promptbreeder-mcp pull "
            f"ollama:{name}` (or `ollama pull {name}`)"
        )
    return found[name]


async def shape_of(wire: Wire, name: str) -> Shape:
    """Return how the model wants to be asked, from its metadata."""
    said = await wire.post("/api/show", {"model": name}, ShowAnswer)
    info = said.model_info or {}
    context = info.get(f"{info.get('general.architecture', '')}.context_length")
    template = said.template or ""
    return Shape(
        context=context if isinstance(context, int) else 0,
        chatml="<|im_start|>" in template and "<|im_end|>" in template,
        thinks="thinking" in (said.capabilities or ()),
    )
