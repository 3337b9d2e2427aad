"""A model behind the reply cache and the budget: each block is read from the cache whole or computed whole.

What shares a batch can change a near tie in the last bits of a log-probability, so the unit of caching is the block:
its key names the model's fingerprint and every rendered request in it. Raw replies are kept, not verdicts:
constrained and calibrated decoding of one prompt share the same log-probabilities.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from promptbreeder.evaluation.meter import Meter, Usage
from promptbreeder.models.base import Block, Choice, Choose, Generate, Limits, Model, Reply
from promptbreeder.prompt import Message
from promptbreeder.text import scrub

_TURN_BYTES = b"<|>" * 4
"""Stands for the chat template around one turn: more bytes than it has tokens."""


class ReplyCache(Protocol):
    """Where raw replies are kept across candidates, runs and processes."""

    async def get(self, key: str) -> str | None:
        """Return what was put under `key`, or None."""
        ...

    async def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""
        ...


class OverBudget(Exception):
    """The next block might not fit into the budget; nothing was sent."""


class CachedModel:
    """Answers blocks of requests, from the cache where it can, and charges their nominal cost either way."""

    def __init__(self, model: Model, cache: ReplyCache) -> None:
        """Stand between the evaluator and `model`, which must be open."""
        self._model = model
        self._cache = cache

    @property
    def limits(self) -> Limits:
        """The model's."""
        return self._model.limits

    async def generate(self, requests: Sequence[Generate], meter: Meter) -> Block[Reply]:
        """Generate one reply per request.

        Raises:
            OverBudget: if the block might not fit; nothing was sent.
            ModelError: if the backend is dead.
        """
        spare = sum(request.sampling.max_tokens for request in requests)
        key, stored = await self._look_up("generate", requests, spare, meter)
        if stored is None:
            block = _scrubbed(await self._model.generate(requests))
            await self._keep(key, block.prefix_tokens, [asdict(reply) for reply in block.answers])
        else:
            block = Block(tuple(Reply(**reply) for reply in stored["answers"]), stored["prefix"])
        written = sum(reply.completion_tokens for reply in block.answers)
        _charge(meter, key, [r.prompt_tokens for r in block.answers], block.prefix_tokens, written, hit=bool(stored))
        return block

    async def choose(self, requests: Sequence[Choose], meter: Meter) -> Block[Choice]:
        """Score the options of each request; raises as `generate` does."""
        key, stored = await self._look_up("choose", requests, 0, meter)
        if stored is None:
            block = await self._model.choose(requests)
            await self._keep(key, block.prefix_tokens, [asdict(choice) for choice in block.answers])
        else:
            answers = (Choice(**{**choice, "logprobs": tuple(choice["logprobs"])}) for choice in stored["answers"])
            block = Block(tuple(answers), stored["prefix"])
        _charge(meter, key, [c.prompt_tokens for c in block.answers], block.prefix_tokens, 0, hit=bool(stored))
        return block

    async def _look_up(
        self, kind: str, requests: Sequence[Generate | Choose], spare: int, meter: Meter
    ) -> tuple[str, dict[str, Any] | None]:
        canonical = json.dumps([kind, self._model.fingerprint, [asdict(request) for request in requests]])
        key = hashlib.sha256(canonical.encode()).hexdigest()
        if key not in meter.seen:
            # Admission goes by the bound and not by what the cache holds: a warm cache must not change a run's path.
            bound = token_bound([_read(request) for request in requests], shared=self.limits.shares_prefix)
            if not meter.admits(bound + spare, len(requests)):
                raise OverBudget
        stored = await self._cache.get(key)
        return key, None if stored is None else json.loads(stored)

    async def _keep(self, key: str, prefix_tokens: int, answers: list[dict[str, Any]]) -> None:
        value = {"prefix": prefix_tokens, "answers": answers}
        await self._cache.put(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _scrubbed(block: Block[Reply]) -> Block[Reply]:
    """Return the replies without what must not enter: control characters that a terminal would obey, say."""
    return Block(tuple(replace(reply, text=scrub(reply.text)) for reply in block.answers), block.prefix_tokens)


def _read(request: Generate | Choose) -> tuple[Message, ...]:
    # The words that the assistant's turn is opened with are read like the rest.
    opening = request.opening if isinstance(request, Generate) else ""
    return (*request.messages, Message("assistant", opening)) if opening else request.messages


def token_bound(rendered: Sequence[tuple[Message, ...]], *, shared: bool) -> int:
    """Return a number of tokens that reading these prompts cannot exceed.

    A byte-level tokenizer never makes more tokens than there are bytes. With `shared`, what all prompts have in common
    at their beginning counts once.
    """
    texts = [
        b"".join(_TURN_BYTES + f"{role}\n{content}".encode() for role, content in messages) + _TURN_BYTES
        for messages in rendered
    ]
    total = sum(map(len, texts))
    if not shared or not texts:
        return total
    low, high = min(texts), max(texts)
    common = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    # One token may straddle the end of the common part, hence one more a prompt.
    return total - (len(texts) - 1) * common + len(texts)


def _charge(meter: Meter, key: str, prompts: list[int], prefix: int, completion_tokens: int, *, hit: bool) -> None:
    if key in meter.seen:
        return
    # A failed item was not read.
    read = prefix + sum(tokens - prefix for tokens in prompts if tokens) if any(prompts) else 0
    usage = Usage(
        calls=len(prompts),
        prompt_tokens=read,
        completion_tokens=completion_tokens,
        cache_hits=len(prompts) if hit else 0,
        computed_tokens=0 if hit else read + completion_tokens,
    )
    meter.charge(usage, key)
