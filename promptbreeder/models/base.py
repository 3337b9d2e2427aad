"""The port between the product and any model backend.

Requests come in blocks: an ordered batch whose requests usually share a prefix. A backend answers a whole block at a
time, keeps its order, and never raises for one item. Everything that is specific to one backend stays behind this file.
"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from promptbreeder.prompt import Message

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a backend can really do; the contract suite and the evaluator go by it."""

    context: int
    """Longest prompt plus generated text, in tokens."""
    choose: bool
    """`choose` is available."""
    exact_choice: bool
    """`choose` gives the log-probabilities of whole options; false: conditional on its being one of the options, and
    only up to the token that tells an option from all others."""
    likelihood: bool
    """`likelihood` is available."""
    shares_prefix: bool
    """The prefix that a block's requests share is charged once (`Block.prefix_tokens`); false: each prompt in full."""
    repeatable: bool = True
    """The same block gives exactly the same answers again, whatever was computed in between."""
    chatml: bool = True
    """Chats reach it as the ChatML that we render; false: as messages, which its own template renders."""
    writes_choices: bool = False
    """`choose` generates tokens, at most `choice_bound` for a request; false: it only reads."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Measured speed of a model on this machine, tokens per second; the latency score is computed from it."""

    read: float
    write: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """Decoding options. `temperature` 0 is greedy and repeatable; `top_k` 0 means off; `seed` decides the draws."""

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generate:
    """Ask for a reply. `opening` is text that the assistant's turn already begins with; it is not part of the reply."""

    messages: tuple[Message, ...]
    sampling: Sampling
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Choose:
    """Ask for the log-probability of each of `options` as the assistant's whole answer."""

    messages: tuple[Message, ...]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """Ask how likely `answer` is as the assistant's reply."""

    messages: tuple[Message, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A generated text, or a failure (`failure` says why, `text` is empty)."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Natural-log probabilities, one per option, in the order of the request; empty when `failure` is set."""

    logprobs: tuple[float, ...]
    prompt_tokens: int
    failure: str | None = None
    completion_tokens: int = 0
    """Generated to learn them."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Mean natural-log probability per token of the expected answer; NaN never, `failure` instead."""

    mean_logprob: float
    prompt_tokens: int
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """The answers to one block.

    `prefix_tokens` is the length of the token prefix that all its requests share (0 for a backend that cannot know):
    the nominal cost of reading the block is prefix + sum of (prompt - prefix), whatever a cache did.
    """

    answers: tuple[T, ...]
    prefix_tokens: int = 0


def choice_bound(options: Sequence[str]) -> int:
    """Return a number of tokens that a model which writes its choice does not exceed.

    One to see how it would begin, then one of the options, written as a JSON string and ended. A token has at least a
    byte.
    """
    return 1 + max(len(json.dumps(option, ensure_ascii=False).encode()) for option in options) + 1


@runtime_checkable
class Model(Protocol):
    """A model backend. All methods may raise `ModelError` subclasses, for a dead or misconfigured backend only.

    Cancelling a call (anyio/asyncio cancellation) stops the computation within a second.
    """

    @property
    def name(self) -> str:
        """How the user names it, for example `embedded:smollm2:135m`."""
        ...

    async def open(self) -> None:
        """Load on first use; afterwards `fingerprint` and `limits` are readable. Idempotent and cheap when open."""
        ...

    @property
    def fingerprint(self) -> str:
        """Backend + version + model digest + load-time options. Part of every cache key; `open` first."""
        ...

    @property
    def weights(self) -> str:
        """Digest of the model itself, whatever build of the backend computes with it; `open` first."""
        ...

    @property
    def limits(self) -> Limits:
        """What this backend can do; `open` first."""
        ...

    async def rates(self) -> Rates:
        """Measured reading and writing speed; measured once per fingerprint and machine."""
        ...

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Generate one reply per request."""
        ...

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Score the options of each request; all requests of a block have the same options."""
        ...

    async def likelihood(self, requests: Sequence[Expected]) -> Block[Likelihood]:
        """Score each expected answer."""
        ...

    async def aclose(self) -> None:
        """Free everything. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Usable:
    """A model that can be used here and now."""

    name: str
    """As settings and skills name it."""
    size: int
    """Bytes of its file."""
    detail: str
    """What runs it."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """How far the getting of a model is; `total` 0 where it is not known."""

    status: str
    completed: int = 0
    total: int = 0


class Catalog(Protocol):
    """Which models there are, whatever runs them."""

    def make(self, name: str) -> Model:
        """Return the backend of a model by its full name; not open yet.

        Raises:
            InvalidInput: if it is no model's name.
        """
        ...

    async def resolve(self, name: str) -> str:
        """Return the full name of what `name` (for example `auto`) means here and now.

        Raises:
            ModelMissing: if `auto` finds nothing, or a file that is named is not there, with the ways out.
            InvalidInput: if it is no model's name.
        """
        ...

    async def usable(self) -> tuple[Usable, ...]:
        """Return what can be used now; the first is what `auto` means."""
        ...

    def pull(self, name: str, *, bundled: bool = False) -> AsyncIterator[Pulled]:
        """Get a model; with `bundled`, make the packaged SmolLM2-135M known to Ollama under `name`."""
        ...
