"""A model behind the reply cache and the budget: each block is read from the cache whole or computed whole.

What shares a batch can change a near tie in the last bits of a log-probability, so the unit of caching is the block:
its key names the model's fingerprint and every rendered request in it. Raw replies are kept, not verdicts:
constrained and calibrated decoding of one prompt share the same log-probabilities.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, Protocol, TypeVar

from promptbreeder.evaluation.meter import Meter, Usage
from promptbreeder.models.base import Block, Choice, Choose, Generate, Limits, Model, Reply, choice_bound
from promptbreeder.prompt import Message
from promptbreeder.text import scrub

_TURN_BYTES = b"<|>" * 4
"""Stands for the chat template around one turn: more bytes than it has tokens."""
_LEAST_PART: Final = 2
"""Items: one alone has no prefix in common with others, which its latency is reckoned by."""
Request = TypeVar("Request", bound=Generate | Choose)
Answer = TypeVar("Answer", bound=Reply | Choice)


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
        key, bound = self._key("generate", requests), self._bound(requests, spare)
        if _goes_in_parts(key, bound, meter):
            return await _in_parts(self.generate, requests, meter)
        stored = await self._look_up(key, bound, meter)
        if stored is None:
            block = _scrubbed(await self._model.generate(requests))
            await self._keep(key, block.prefix_tokens, [asdict(reply) for reply in block.answers])
        else:
            block = Block(tuple(Reply(**reply) for reply in stored["answers"]), stored["prefix"])
        _charge(meter, key, block, bound, hit=bool(stored))
        return block

    async def choose(self, requests: Sequence[Choose], meter: Meter) -> Block[Choice]:
        """Score the options of each request; raises as `generate` does."""
        spare = sum(choice_bound(request.options) for request in requests) if self.limits.writes_choices else 0
        key, bound = self._key("choose", requests), self._bound(requests, spare)
        if _goes_in_parts(key, bound, meter):
            return await _in_parts(self.choose, requests, meter)
        stored = await self._look_up(key, bound, meter)
        if stored is None:
            block = await self._model.choose(requests)
            await self._keep(key, block.prefix_tokens, [asdict(choice) for choice in block.answers])
        else:
            answers = (Choice(**{**choice, "logprobs": tuple(choice["logprobs"])}) for choice in stored["answers"])
            block = Block(tuple(answers), stored["prefix"])
        _charge(meter, key, block, bound, hit=bool(stored))
        return block

    def _key(self, kind: str, requests: Sequence[Generate | Choose]) -> str:
        canonical = json.dumps([kind, self._model.fingerprint, [asdict(request) for request in requests]])
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _bound(self, requests: Sequence[Generate | Choose], spare: int) -> Usage:
        """Return the most that a block may be charged, if so many tokens are written at most."""
        read = token_bound([_read(request) for request in requests], shared=self.limits.shares_prefix)
        return Usage(calls=len(requests), prompt_tokens=read, completion_tokens=spare)

    async def _look_up(self, key: str, bound: Usage, meter: Meter) -> dict[str, Any] | None:
        """Return what is kept of a block; raises OverBudget where the block might not fit."""
        # Admission goes by the bound and not by what the cache holds: a warm cache must not change a run's path.
        if key not in meter.seen and not meter.admits(bound.tokens, bound.calls):
            raise OverBudget
        stored = await self._cache.get(key)
        return None if stored is None else json.loads(stored)

    async def _keep(self, key: str, prefix_tokens: int, answers: list[dict[str, Any]]) -> None:
        value = {"prefix": prefix_tokens, "answers": answers}
        await self._cache.put(key, json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _goes_in_parts(key: str, bound: Usage, meter: Meter) -> bool:
    """Tell whether a block is sent in parts: its worst case does not fit, but that of a part may."""
    if not meter.in_parts or key in meter.seen or bound.calls < 2 * _LEAST_PART:
        return False
    return not meter.admits(bound.tokens, bound.calls) and meter.admits(0, bound.calls)


async def _in_parts(
    ask: Callable[[Sequence[Request], Meter], Awaitable[Block[Answer]]], requests: Sequence[Request], meter: Meter
) -> Block[Answer]:
    """Ask for one half after the other: when the second is admitted it is known what the first really cost."""
    half = len(requests) // 2
    first = await ask(requests[:half], meter)
    second = await ask(requests[half:], meter)
    return Block((*first.answers, *second.answers), min(first.prefix_tokens, second.prefix_tokens))


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


def _charge(meter: Meter, key: str, block: Block[Reply] | Block[Choice], bound: Usage, *, hit: bool) -> None:
    """Charge a block, at most what it was admitted for: backends that cannot know the shared prefix estimate it."""
    if key in meter.seen:
        return
    # A failed item was not read.
    prompts = [answer.prompt_tokens for answer in block.answers if answer.prompt_tokens]
    read = block.prefix_tokens + sum(tokens - block.prefix_tokens for tokens in prompts) if prompts else 0
    read = min(read, bound.prompt_tokens)
    written = min(sum(answer.completion_tokens for answer in block.answers), bound.completion_tokens)
    usage = Usage(
        calls=len(block.answers),
        prompt_tokens=read,
        completion_tokens=written,
        cache_hits=len(block.answers) if hit else 0,
        computed_tokens=0 if hit else read + written,
    )
    meter.charge(usage, key)
