"""The reply cache and the budget: what is computed, what is charged, and when nothing is sent at all."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.errors import ModelCrashed
from promptbreeder.evaluation.cached import CachedModel, OverBudget, token_bound
from promptbreeder.evaluation.meter import Meter, Usage
from promptbreeder.models.base import Block, Choice, Choose, Generate, Limits, Reply, Sampling
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.prompt import Message

pytestmark = pytest.mark.anyio
RULE = Message("system", "Name the queue of the ticket.")


def block(*texts: str, max_tokens: int = 8) -> list[Generate]:
    """Return a block of requests under one instruction."""
    return [Generate((RULE, Message("user", text)), Sampling(max_tokens)) for text in texts]


async def test_a_block_is_computed_whole_or_read_whole(
    cached: Callable[..., CachedModel], memory: dict[str, str]
) -> None:
    """What shares a batch may change its answers: an item known from another block is computed again with its block."""
    model = ScriptedModel()
    asked = cached(model, memory)
    first = await asked.generate(block("a b", "c d"), Meter())
    assert await asked.generate(block("a b", "c d"), Meter()) == first
    assert (model.calls, len(model.requests)) == (1, 2)
    await asked.generate(block("a b", "e f"), Meter())
    await asked.generate(block("c d", "a b"), Meter())
    assert (model.calls, len(model.requests)) == (3, 6)


async def test_replies_survive_the_cache_unchanged(cached: Callable[..., CachedModel], memory: dict[str, str]) -> None:
    """Texts, failures, log-probabilities and the shared prefix come back as they went in."""
    requests = [*block("naïve \n 'x'"), *block("word " * 5_000)]
    choices = [Choose((RULE, Message("user", text)), ("a", "b")) for text in ("a", "b", "word " * 5_000)]
    model = ScriptedModel()
    computed = (
        await cached(model, memory).generate(requests, Meter()),
        await cached(model, memory).choose(choices, Meter()),
    )
    stored = (
        await cached(model, memory).generate(requests, Meter()),
        await cached(model, memory).choose(choices, Meter()),
    )
    assert stored == computed
    assert model.calls == 2
    assert computed[0].answers[1].failure


@pytest.mark.parametrize(
    "other",
    [
        replace(block("a")[0], opening="Well"),
        replace(block("a")[0], sampling=Sampling(8, seed=1)),
        replace(block("a")[0], sampling=Sampling(9)),
        replace(block("a")[0], messages=(RULE, Message("assistant", "a"))),
        block("a ")[0],
    ],
)
async def test_whatever_changes_a_reply_changes_the_key(
    cached: Callable[..., CachedModel], memory: dict[str, str], other: Generate
) -> None:
    """Roles, white space, opening words, seed and length count."""
    await cached(ScriptedModel(), memory).generate(block("a"), Meter())
    model = ScriptedModel()
    await cached(model, memory).generate([other], Meter())
    assert model.calls == 1


async def test_models_do_not_share_replies(cached: Callable[..., CachedModel], memory: dict[str, str]) -> None:
    """The fingerprint is part of the key."""
    await cached(ScriptedModel(), memory).generate(block("a"), Meter())
    other = ScriptedModel(name="other")
    await cached(other, memory).generate(block("a"), Meter())
    assert other.calls == 1


async def test_a_hit_costs_nominally_what_it_cost_to_compute(
    cached: Callable[..., CachedModel], memory: dict[str, str]
) -> None:
    """Otherwise a warm cache would let a run see more candidates and end elsewhere."""
    cold, warm = Meter(), Meter()
    requests = block("a b c", "a b d", "x")
    answered = await cached(ScriptedModel(), memory).generate(requests, cold)
    await cached(ScriptedModel(), memory).generate(requests, warm)
    read = sum(reply.prompt_tokens for reply in answered.answers) - 2 * answered.prefix_tokens
    written = sum(reply.completion_tokens for reply in answered.answers)
    assert cold.used == Usage(calls=3, prompt_tokens=read, completion_tokens=written, computed_tokens=read + written)
    assert warm.used == replace(cold.used, cache_hits=3, computed_tokens=0)
    assert answered.prefix_tokens > 0


async def test_the_same_block_is_charged_once_a_run(cached: Callable[..., CachedModel], memory: dict[str, str]) -> None:
    """A prompt's calibration reads a block that is measured anyway; a restored meter knows what was charged before."""
    meter = Meter()
    await cached(ScriptedModel(), memory).generate(block("a"), meter)
    resumed = Meter()
    resumed.restore(meter.used, meter.seen)
    for known in (meter, resumed):
        before = known.used
        await cached(ScriptedModel(), memory).generate(block("a"), known)
        assert known.used == before


async def test_a_failed_item_costs_no_tokens(cached: Callable[..., CachedModel]) -> None:
    """It was not read; it still counts as a call."""
    meter = Meter()
    await cached(ScriptedModel()).generate(block("word " * 5_000), meter)
    assert meter.used == Usage(calls=1)


async def test_a_dead_model_leaves_no_trace(cached: Callable[..., CachedModel], memory: dict[str, str]) -> None:
    """Nothing is cached or charged for a call that raised."""
    meter, model = Meter(), ScriptedModel(fail_at={1: ModelCrashed("gone")})
    with pytest.raises(ModelCrashed):
        await cached(model, memory).generate(block("a"), meter)
    assert (memory, meter) == ({}, Meter())


@pytest.mark.parametrize("meter", [Meter(token_limit=20), Meter(call_limit=1)])
async def test_what_might_not_fit_is_not_sent(
    cached: Callable[..., CachedModel], memory: dict[str, str], meter: Meter
) -> None:
    """Not even when the cache holds it: a warm cache must not change the path."""
    requests = block("a b", "c d")
    await cached(ScriptedModel(), memory).generate(requests, Meter())
    model = ScriptedModel()
    for cache in (memory, None):
        with pytest.raises(OverBudget):
            await cached(model, cache).generate(requests, meter)
    assert model.calls == 0
    assert meter.used == Usage()


WORDS = st.tuples(
    st.sampled_from(["", "so " * 40]), st.lists(st.sampled_from(["a", "parcel", "is", "late", "é", "\n", "the"]))
).map(lambda parts: parts[0] + " ".join(parts[1]))
BLOCKS = st.lists(st.lists(WORDS, min_size=1, max_size=5), min_size=1, max_size=12)


@given(
    asked=BLOCKS, tokens=st.integers(0, 2_000), calls=st.integers(0, 30), choose=st.booleans(), in_parts=st.booleans()
)
async def test_a_budget_is_never_overrun(
    asked: list[list[str]], tokens: int, calls: int, *, choose: bool, in_parts: bool, cached: Callable[..., CachedModel]
) -> None:
    """The worst case of a block, or of a part, is reserved before it is sent, so no sequence of them can spend more."""
    meter, behind = Meter(token_limit=tokens, call_limit=calls, in_parts=in_parts), cached(ScriptedModel())
    for texts in asked:
        messages = [(RULE, Message("user", text)) for text in texts]
        try:
            if choose:
                await behind.choose([Choose(shown, ("late", "lost")) for shown in messages], meter)
            else:
                await behind.generate([Generate(shown, Sampling(8)) for shown in messages], meter)
        except OverBudget:
            continue
        assert meter.used.tokens <= tokens
        assert meter.used.calls <= calls


async def test_a_block_whose_worst_case_does_not_fit_is_answered_in_parts_where_that_is_allowed(
    cached: Callable[..., CachedModel],
) -> None:
    """The answers are those of the whole, and the block is charged once, however often it is asked for."""
    asked = [Choose((RULE, Message("user", f"parcel {number} is late")), ("late", "lost")) for number in range(16)]
    behind = cached(ScriptedModel())
    whole = await behind.choose(asked, Meter())
    scant = token_bound([request.messages for request in asked], shared=True) - 1
    with pytest.raises(OverBudget):
        await behind.choose(asked, Meter(token_limit=scant))
    meter = Meter(token_limit=scant, in_parts=True)
    for _ in range(2):
        assert (await behind.choose(asked, meter)).answers == whole.answers
    assert meter.used.calls == len(asked)
    assert meter.used.tokens <= scant


class Bytewise(ScriptedModel):
    """A model whose tokens are bytes, around each turn as many as a chat template has; reads the opening words too."""

    def __init__(self, *, shares: bool) -> None:
        super().__init__()
        self._shares = shares

    @property
    def limits(self) -> Limits:
        """Charges a shared prefix once, or not."""
        return replace(super().limits, shares_prefix=self._shares)

    async def generate(self, requests: Any) -> Block[Reply]:  # noqa: ANN401  as the base class
        """Write as much as is allowed."""
        read = [
            b"".join(b"<>\n<>\n" + f"{role}{content}".encode() for role, content in request.messages)
            + f"<>assistant\n{request.opening}".encode()
            for request in requests
        ]
        prefix = min(len(text) for text in read) - 1
        while any(text[:prefix] != read[0][:prefix] for text in read):
            prefix -= 1
        most = [request.sampling.max_tokens for request in requests]
        answers = (Reply("x", len(text), tokens) for text, tokens in zip(read, most, strict=True))
        return Block(tuple(answers), prefix if self._shares else 0)


@given(
    texts=st.lists(st.text(max_size=12), min_size=1, max_size=4),
    opening=st.text(max_size=40),
    slack=st.integers(-300, 0),
)
@pytest.mark.parametrize("shares", [True, False])
async def test_no_tokenizer_can_exceed_the_bound(
    texts: list[str], opening: str, slack: int, *, shares: bool, cached: Callable[..., CachedModel]
) -> None:
    """Even one token a byte, all that may be written written, and the opening words counted."""
    requests = [Generate((RULE, Message("user", text)), Sampling(8), opening) for text in texts]
    read = [(*request.messages, Message("assistant", opening)) for request in requests]
    meter = Meter(token_limit=token_bound(read, shared=shares) + 8 * len(texts) + slack)
    try:
        await cached(Bytewise(shares=shares)).generate(requests, meter)
    except OverBudget:
        assert slack < 0 or not opening
    assert meter.used.tokens <= (meter.token_limit or 0) or meter.used == Usage()


class Writing(ScriptedModel):
    """A model that writes what it chooses, and knows no shared prefix; both as a server may tell it."""

    @property
    def limits(self) -> Limits:
        """Writes choices."""
        return replace(super().limits, writes_choices=True)

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Write five tokens for each."""
        answers = (await super().choose(requests)).answers
        return Block(tuple(replace(answer, completion_tokens=5) for answer in answers))


async def test_what_is_written_to_choose_is_charged_and_reserved(
    cached: Callable[..., CachedModel], memory: dict[str, str]
) -> None:
    """Nothing is sent that may write more than is left; from the cache it costs the same."""
    requests = [Choose((RULE, Message("user", text)), ("late", "lost")) for text in ("a b", "c d")]
    for hits in (0, 2):
        meter = Meter()
        await cached(Writing(), memory).choose(requests, meter)
        assert (meter.used.completion_tokens, meter.used.cache_hits) == (10, hits)
    read = token_bound([request.messages for request in requests], shared=True)
    for limit, sent in ((read + 15, 0), (read + 16, 1)):
        model = Writing()
        with nullcontext() if sent else pytest.raises(OverBudget):
            await cached(model).choose(requests, Meter(token_limit=limit))
        assert model.calls == sent


async def test_a_choice_kept_before_its_tokens_were_counted_is_read(
    cached: Callable[..., CachedModel], memory: dict[str, str]
) -> None:
    """It wrote none, as far as is known."""
    requests = [Choose((RULE, Message("user", "a b")), ("late", "lost"))]
    first = await cached(ScriptedModel(), memory).choose(requests, Meter())
    for key, value in memory.items():
        stored = json.loads(value)
        del stored["answers"][0]["completion_tokens"]
        memory[key] = json.dumps(stored)
    model, meter = ScriptedModel(), Meter()
    assert await cached(model, memory).choose(requests, meter) == first
    assert (model.calls, meter.used.completion_tokens) == (0, 0)


async def test_no_block_is_charged_more_than_it_was_admitted_for(cached: Callable[..., CachedModel]) -> None:
    """A server that tells no tokens has its shared prefix estimated, here as none: the budget holds all the same."""
    long = Message("system", "Which queue is it? " * 40)
    requests = [Choose((long, Message("user", f"t{n}")), ("late", "lost")) for n in range(16)]
    bound = token_bound([request.messages for request in requests], shared=True) + 16 * 8
    meter = Meter(token_limit=bound)

    class Dense(Writing):
        """A model with a token for each byte, as for scripts that its tokenizer does not know."""

        async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
            """Tell what was read."""
            block = await super().choose(requests)
            read = sum(len(message.content) for message in requests[0].messages)
            return Block(tuple(replace(answer, prompt_tokens=read) for answer in block.answers))

    await cached(Dense()).choose(requests, meter)
    assert 0 < meter.used.tokens <= bound
