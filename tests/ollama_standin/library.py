"""The models, the blobs and the registry that models are pulled from."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ollama_standin import templates
from ollama_standin.errors import ApiError
from ollama_standin.faults import Faults

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")
_STEPS = 4
"""How many progress lines a download has."""
SIZES = {"135m": "134.52M", "360m": "361.82M", "1.7b": "1.71B"}
Progress = dict[str, Any]
Wait = Callable[[threading.Event], None]


def sha256(data: bytes | str) -> str:
    """Return a hexadecimal digest."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


@dataclass(frozen=True)
class Model:
    """What the server holds under a name."""

    name: str
    digest: str
    """Of the manifest: changes with the weights, the template and everything else."""
    blob: str
    """Of the weights, with `sha256:` in front. Models that share it share a loaded runner."""
    size: int = 270_898_672
    parameter_size: str = "134.52M"
    quantization_level: str = "F16"
    family: str = "llama"
    context_length: int = 8192
    template: str = templates.SMOLLM2
    system: str = templates.SMOLLM2_SYSTEM
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"stop": ["<|im_start|>", "<|im_end|>"]})
    messages: tuple[Mapping[str, str], ...] = ()
    capabilities: tuple[str, ...] = ("completion",)
    modified_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def make_model(name: str, digest: str | None = None, **fields: Any) -> Model:  # noqa: ANN401 - fields of Model
    """Return a model with a plausible digest unless one is given."""
    name = full_name(name)
    digest = digest or sha256(f"manifest of {name}")
    size = SIZES.get(name.partition(":")[2], SIZES["135m"])
    return Model(**{"name": name, "digest": digest, "blob": f"sha256:{digest}", "parameter_size": size, **fields})


def full_name(name: str) -> str:
    """Return a name with its tag and without the default registry.

    Raises:
        ApiError: 400 if it cannot be one.
    """
    short = name.removeprefix("registry.ollama.ai/").removeprefix("library/")
    path, colon, tag = short.partition(":")
    if not all(map(_PART.fullmatch, path.split("/"))) or (colon and not _PART.fullmatch(tag)):
        raise ApiError(400, "invalid model name")
    return f"{path}:{tag or 'latest'}"


class Library:
    """Models by name, blobs by digest, and downloads that were broken off."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._models: dict[str, Model] = {}
        self._blobs: dict[str, bytes] = {}
        self._completed: dict[str, int] = {}
        self.registry = {model.name: model for model in (make_model(f"smollm2:{size}") for size in SIZES)}

    def put(self, model: Model) -> None:
        """Add a model, or replace the one of that name."""
        with self._lock:
            self._models[model.name] = model

    def remove(self, name: str) -> None:
        """Remove a model; ApiError 404 if there is none of that name."""
        model = self.get(name)
        with self._lock:
            del self._models[model.name]

    def get(self, name: str) -> Model:
        """Return a model; case does not matter, and a name without a tag means `latest`."""
        with self._lock:
            for known, model in self._models.items():
                if known.lower() == full_name(name).lower():
                    return model
        raise ApiError(404, f"model '{name}' not found")

    def models(self) -> list[Model]:
        """Return all, the last changed first."""
        with self._lock:
            return sorted(self._models.values(), key=lambda model: model.modified_at, reverse=True)

    def holds_blob(self, digest: str) -> bool:
        """Tell whether a blob was uploaded, or came with a model; ApiError 400 if it is no digest."""
        if not _DIGEST.fullmatch(digest):
            raise ApiError(400, "invalid digest format")
        return digest in self._blobs or any(model.blob == digest for model in self.models())

    def put_blob(self, digest: str, data: bytes) -> None:
        """Keep an uploaded file; ApiError 400 if it is not what its digest says."""
        if digest != f"sha256:{sha256(data)}":
            raise ApiError(400, f'digest mismatch, expected "{digest}", got "sha256:{sha256(data)}"')
        self._blobs[digest] = data

    def pull(self, name: str, wait: Wait) -> Iterator[Progress]:
        """Download a model from the registry; one that was broken off goes on where it stopped."""
        name = full_name(name)
        yield {"status": "pulling manifest"}
        model = self.registry.get(name)
        if model is None:
            raise ApiError(500, "pull model manifest: file does not exist")
        line = {"status": f"pulling {model.blob[7:19]}", "digest": model.blob, "total": model.size}
        there = self.holds_blob(model.blob)
        for step in range(_STEPS if there else self._completed.get(model.blob, 0), _STEPS):
            if step == _STEPS // 2 and self._faults.strikes("pull_failures"):
                raise ApiError(500, "max retries exceeded: unexpected EOF")
            if step == _STEPS // 2 and self._faults.pull_hold is not None:
                wait(self._faults.pull_hold)
            yield {**line, "completed": model.size * step // _STEPS}
            self._completed[model.blob] = step + 1
        yield {**line, "completed": model.size}
        for status in ("verifying sha256 digest", "writing manifest"):
            yield {"status": status}
        self.put(replace(model, modified_at=datetime.now(UTC)))
        self._completed.pop(model.blob, None)
        yield {"status": "success"}

    def create(self, request: Mapping[str, Any], wait: Wait) -> Iterator[Progress]:
        """Make a model of another one (pulled if it is not there) or of uploaded files."""
        name = full_name(request["model"])
        if request.get("from"):
            source = full_name(request["from"])
            if source not in {model.name for model in self.models()}:
                yield from self.pull(source, wait)
            made = replace(self.get(source), name=name)
        elif request.get("files"):
            yield {"status": "parsing GGUF"}
            made = self._of_files(name, request["files"])
        else:
            raise ApiError(400, "neither 'from' or 'files' was specified")
        if "template" in request:
            try:
                templates.check(request["template"])
            except ValueError as error:
                raise ApiError(400, f"template error: {error}") from error
        made = replace(
            made,
            template=request.get("template") or made.template,
            system=request.get("system") or made.system,
            parameters={**made.parameters, **request.get("parameters", {})},
            messages=tuple(request.get("messages", ())) or made.messages,
            modified_at=datetime.now(UTC),
        )
        layers = (made.blob, made.template, made.system, made.parameters, made.messages)
        yield {"status": f"using existing layer {made.blob}"}
        yield {"status": "writing manifest"}
        self.put(replace(made, digest=sha256(repr(layers))))
        yield {"status": "success"}

    def _of_files(self, name: str, files: Mapping[str, str]) -> Model:
        if not all(file.endswith(".gguf") for file in files):
            raise ApiError(400, "unknown type")
        (digest,) = files.values()
        if not self.holds_blob(digest):
            raise ApiError(
                500, f"open /root/.ollama/models/blobs/{digest.replace(':', '-')}: no such file or directory"
            )
        data = self._blobs.get(digest)
        if data is not None and not data.startswith(b"GGUF"):
            raise ApiError(400, "only GGUF files are supported")
        size = len(data) if data is not None else 1
        return make_model(name, blob=digest, size=size, template=templates.IN_THE_WEIGHTS, system="", parameters={})
