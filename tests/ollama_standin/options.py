"""The options of a request: the server's defaults, then the model's parameters, then what was asked for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ollama_standin.errors import ApiError
from ollama_standin.library import Model

_DEFAULTS: dict[str, Any] = {
    "num_keep": 4,
    "seed": -1,
    "num_predict": -1,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "typical_p": 1.0,
    "repeat_last_n": 64,
    "temperature": 0.8,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "stop": [],
    "num_ctx": 4096,
    "num_batch": 512,
    "num_gpu": -1,
    "main_gpu": None,
    "use_mmap": None,
    "num_thread": 0,
    "draft_num_predict": 0,
}
_AT_LOAD = ("num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict")
_BOOLEANS = frozenset({"use_mmap"})
_CONTEXTS = 10
"""Generation without a limit ends after so many contexts."""
_LEAST_CONTEXT = 4
_DURATION = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_FIVE_MINUTES = 300.0


@dataclass(frozen=True)
class Options:
    """All options, by Ollama's names."""

    values: Mapping[str, Any]
    at_load: tuple[object, ...]
    """Those that a model is loaded with: another value loads it again."""

    @property
    def num_ctx(self) -> int:
        """Tokens that are asked for; the model may have fewer."""
        return max(_LEAST_CONTEXT, int(self.values["num_ctx"]))

    def budget(self, context: int) -> int:
        """Return how many tokens may be generated: 0 is no limit, like a negative number, and so is a huge one."""
        asked = int(self.values["num_predict"])
        return min(asked, _CONTEXTS * context) if asked > 0 else _CONTEXTS * context


def options_of(model: Model, asked: Mapping[str, Any] | None, shift: object) -> Options:
    """Return the options of a request; unknown ones are ignored.

    Raises:
        ApiError: 500, as Ollama does, if a value is not of its type.
    """
    values = dict(_DEFAULTS)
    for name, value in {**model.parameters, **(asked or {})}.items():
        if name in _DEFAULTS and value is not None:
            _check(name, value)
            whole = isinstance(_DEFAULTS[name], int) and not isinstance(value, bool)
            values[name] = int(value) if whole else value
    return Options(values, (*(values[name] for name in _AT_LOAD), shift is not False))


def _check(name: str, value: object) -> None:
    default = _DEFAULTS[name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _BOOLEANS:
        right, kind = isinstance(value, bool), "boolean"
    elif isinstance(default, list):
        right, kind = isinstance(value, list), "array"
    elif isinstance(default, float):
        right, kind = number, "float32"
    else:
        right, kind = number, "integer"
    if not right:
        raise ApiError(500, f'option "{name}" must be of type {kind}')


def keep_alive_seconds(value: object) -> float:
    """Return a `keep_alive`: seconds, or a duration such as "5m"; a negative one means for ever.

    Raises:
        ApiError: 400 if it is neither.
    """
    if value is None:
        return _FIVE_MINUTES
    if isinstance(value, int | float):
        return float(value) if value >= 0 else float("inf")
    text = str(value)
    parts = _DURATION.findall(text)
    if text.strip("+-") != "0" and text.lstrip("+-") != "".join(number + unit for number, unit in parts):
        raise ApiError(400, f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return float("inf") if text.startswith("-") and seconds else seconds
