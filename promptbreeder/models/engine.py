"""The narrow side of the embedded backend: what an engine in this process must do, synchronously, in one thread."""

from collections.abc import Callable, Sequence
from typing import Protocol

from promptbreeder.models.base import Block, Choice, Likelihood, Rates, Reply, Sampling

Stopped = Callable[[], bool]
"""Looked at between decode steps: true when the caller has gone."""


class Interrupted(Exception):
    """The caller has gone; what was computed is dropped."""


class Engine(Protocol):
    """One loaded model. `prompts` are rendered chats, ready to be continued with the assistant's words."""

    description: str
    """Engine, version and load-time options: goes into the fingerprint."""
    context: int
    """Longest prompt plus generated text, in tokens."""
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
