"""Bodies of requests, with every option said: the server's defaults change between versions.

A model that speaks ChatML gets the text that we render, `raw`: the library's template for SmolLM2 leaves the system
turn open and puts words of its own into it. Any other model gets messages, which the server renders by the model's
template.
"""

from collections.abc import Sequence
from typing import Any, Final

from promptbreeder.models import chatml
from promptbreeder.models.base import Sampling
from promptbreeder.prompt import Message
from promptbreeder.text import defuse

KEEP_ALIVE = "10m"
BATCH: Final = 512
TOP_LOGPROBS: Final = 20
"""The most that the server tells."""
_SEEDS = 2**31
"""A negative seed would mean a random one."""
Asked = tuple[str, dict[str, Any]]
"""Path and body."""


class Bodies:
    """Makes requests to one model, with load-time options that never change: a change would load it anew."""

    def __init__(self, model: str, *, context: int, raw: bool, thinks: bool) -> None:
        """Name the model and how it wants to be asked."""
        self._model = model
        self._context = context
        self._raw = raw
        self._thinks = thinks

    def generate(self, messages: Sequence[Message], sampling: Sampling, opening: str = "") -> Asked:
        """Ask for a reply."""
        return self._asked(messages, opening, self._options(sampling))

    def first_token(self, messages: Sequence[Message]) -> Asked:
        """Ask which tokens may come first, and how likely each of them is."""
        return _with_logprobs(self._asked(messages, "", self._options(Sampling(max_tokens=1))))

    def one_of(self, messages: Sequence[Message], choices: Sequence[str], longest: int) -> Asked:
        """Ask for a JSON string that is one of `choices`, and the probabilities along its way."""
        path, body = _with_logprobs(self._asked(messages, "", self._options(Sampling(max_tokens=longest))))
        return path, {**body, "format": {"type": "string", "enum": list(choices)}}

    def text(self, text: str, sampling: Sampling) -> Asked:
        """Ask for what comes after a bare text, without any chat format."""
        body = {**self._common(self._options(sampling)), "prompt": defuse(text), "raw": True}
        return _with_logprobs(("/api/generate", body))

    def _options(self, sampling: Sampling) -> dict[str, Any]:
        ends = (chatml.END_OF_TURN,) if self._raw else ()
        return options(sampling, context=self._context, stop=(*sampling.stop, *ends))

    def _asked(self, messages: Sequence[Message], opening: str, options: dict[str, Any]) -> Asked:
        body = self._common(options)
        if self._raw:
            return "/api/generate", {**body, "prompt": chatml.render(messages, opening), "raw": True}
        turns = [{"role": role, "content": defuse(content)} for role, content in messages]
        if opening:
            turns.append({"role": "assistant", "content": defuse(opening)})
        return "/api/chat", {**body, "messages": turns, **({"think": False} if self._thinks else {})}

    def _common(self, options: dict[str, Any]) -> dict[str, Any]:
        return {
            "model": self._model,
            "stream": False,
            "truncate": False,
            "shift": False,
            "keep_alive": KEEP_ALIVE,
            "options": options,
        }


def options(sampling: Sampling, *, context: int, stop: Sequence[str]) -> dict[str, Any]:
    """Return every option of a request; the first two are load-time options, which must never change."""
    return {
        "num_ctx": context,
        "num_batch": BATCH,
        # 0 and less mean no limit there.
        "num_predict": max(1, sampling.max_tokens),
        "seed": sampling.seed % _SEEDS,
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": 0.0,
        "typical_p": 1.0,
        "repeat_last_n": 0,
        "repeat_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop": list(stop),
    }


def _with_logprobs(asked: Asked) -> Asked:
    path, body = asked
    return path, {**body, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
