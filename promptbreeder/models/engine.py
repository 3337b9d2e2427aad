"""The narrow side of the embedded backend: what an engine in this process must do, synchronously, in one thread."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from promptbreeder.errors import ModelCrashed
from promptbreeder.models.base import Block, Choice, Likelihood, Rates, Reply, Sampling
from promptbreeder.models.chatml import END_OF_TURN

CONTEXT = 4_096
Stopped = Callable[[], bool]
"""Looked at between decode steps: true when the caller has gone."""


class Interrupted(Exception):
    """The caller has gone; what was computed is dropped."""


class Engine(Protocol):
    """One loaded model. `prompts` are rendered chats, ready to be continued with the assistant's words.

    There is at least one prompt and one option, and untrusted text in them has been defused.
    """

    description: str
    """Engine, version and load-time options: goes into the fingerprint."""
    context: int
    """Longest prompt plus generated text, in tokens: at most `CONTEXT`, and what the model was trained for."""
    exact_choice: bool
    has_likelihood: bool

    def generate(self, prompts: Sequence[str], samplings: Sequence[Sampling], stopped: Stopped) -> Block[Reply]:
        """Continue each prompt. Raises Interrupted soon after `stopped()` is true."""
        ...

    def choose(self, prompts: Sequence[str], options: Sequence[str], stopped: Stopped) -> Block[Choice]:
        """Return the log-probability of each option as the continuation of each prompt."""
        ...

    def likelihood(self, prompts: Sequence[str], answers: Sequence[str], stopped: Stopped) -> Block[Likelihood]:
        """Return the mean log-probability per token of each answer as the continuation of its prompt."""
        ...

    def measure_rates(self) -> Rates:
        """Time reading and writing on this machine, in a second or two."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Threads(NamedTuple):
    """How many threads compute: a batch of tokens is read by the one number, single tokens are written by the other."""

    read: int
    write: int


class EngineKind(NamedTuple):
    """An engine that is installed here."""

    name: str
    cores: int
    """Threads that it may use at once."""
    load: Callable[[Path, Threads], Engine]
    """Loads a file; raises ModelMissing, ModelCrashed."""


def shared_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many tokens at the beginning all prompts share.

    The last token of a prompt is always its own: its logits are what is asked for.
    """
    if not prompts:
        return 0
    ordered = [tuple(tokens) for tokens in prompts]
    low, high = min(ordered), max(ordered)
    shared = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    return min(shared, *(len(tokens) - 1 for tokens in prompts))


def too_long(tokens: int, spare: int, context: int) -> str:
    """Return why a prompt that does not fit is a failed item."""
    return f"the prompt has {tokens} tokens and {spare} to write; {context} fit"


def as_trained(context: int, beginning: Sequence[int]) -> str:
    """Return what a description says of a model that is not read as most are: a shorter context, a first token."""
    return (f" context={context}" if context < CONTEXT else "") + (" bos" if beginning else "")


def no_chatml(path: Path) -> ModelCrashed:
    """Return the error of a model to which the end of a turn is plain text."""
    return ModelCrashed(
        f"the model in {path} has no token {END_OF_TURN}: it was not made for ChatML, in which embedded models "
        "are asked. Name one that was (SmolLM2, Qwen2.5), or run this one with Ollama, which knows its format"
    )


def let_threads_sleep() -> None:
    """Make llama.cpp's threads sleep while they wait for each other; must come before its library is loaded.

    Spinning ones starve each other when a core is taken away for a moment, and a decode then takes ten times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
