"""benchmarks/endpoint.py answers like OpenAI's API, counts as the product does, and ends at the budget."""

# ruff: noqa: ANN401 - the benchmarks are scripts and not a package: their objects have no types here

import importlib
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from promptbreeder.errors import ModelCrashed
from promptbreeder.models.base import Generate
from promptbreeder.models.scripted import ScriptedModel


def _ask(url: str, text: str, *, temperature: float = 0.0, **more: Any) -> dict[str, Any]:
    """Return the content of the response, of an error too."""
    messages = [{"role": "system", "content": "one two three four"}, {"role": "user", "content": text}]
    body = {"model": "executor", "messages": messages, "temperature": temperature, "max_tokens": 8, **more}
    request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            content: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            content = {"status": error.code, **json.load(error)}
    return content


def _serve(model: ScriptedModel, work: Callable[[Any], Awaitable[None]], *, budget: int | None = None) -> Any:
    """Serve `model` while `work` lasts; return the endpoint."""
    serving = importlib.import_module("endpoint").serving

    async def main() -> Any:
        async with serving({"executor": model}, budget=budget) as endpoint:
            await work(endpoint)
            return endpoint

    return anyio.run(main)


async def _asked(endpoint: Any, *texts: str, **more: Any) -> list[dict[str, Any]]:
    """Ask one after the other."""
    return [await anyio.to_thread.run_sync(partial(_ask, endpoint.url, text, **more)) for text in texts]


def test_answers_look_like_openai_s() -> None:
    """Text, reason and usage stand where clients read them."""

    async def work(endpoint: Any) -> None:
        (answer,) = await _asked(endpoint, "hello there")
        assert answer["choices"][0]["message"] == {"role": "assistant", "content": "fine thanks"}
        assert answer["choices"][0]["finish_reason"] == "stop"
        assert answer["usage"] == {"prompt_tokens": 8, "completion_tokens": 2, "total_tokens": 10}
        (cut,) = await _asked(endpoint, "hello there", max_tokens=1)
        assert cut["choices"][0] | {"index": 0} == {
            "index": 0,
            "message": {"role": "assistant", "content": "fine"},
            "finish_reason": "length",
        }

    _serve(ScriptedModel({"hello there": "fine thanks"}), work)


def test_what_a_request_shares_with_those_before_is_read_once() -> None:
    """As a block of the product is charged; and what is repeatable is never computed or charged twice."""

    async def work(endpoint: Any) -> None:
        await _asked(endpoint, "alpha")
        first = endpoint.total
        assert (first.calls, first.prompt_tokens, first.completion_tokens) == (1, 7, 1)
        await _asked(endpoint, "beta")
        second = endpoint.total - first
        assert 1 <= second.prompt_tokens < first.prompt_tokens
        await _asked(endpoint, "alpha")
        third = endpoint.total - first - second
        assert (third.calls, third.cache_hits, third.tokens) == (1, 1, 0)
        # Two kinds of prompts in turn: what is shared is with the one before the last.
        await _asked(endpoint, "gamma", messages=[{"role": "user", "content": "something else altogether"}])
        before = endpoint.total
        await _asked(endpoint, "delta")
        assert (endpoint.total - before).prompt_tokens < first.prompt_tokens

    model = ScriptedModel({"alpha": "a", "beta": "b"})
    _serve(model, work)
    assert len(model.requests) == 4


def test_draws_differ_and_come_again_with_the_same_seed() -> None:
    """At a temperature the same request is another draw each time, unless it brings a seed."""
    drawn: list[list[int]] = []
    for _ in range(2):
        model = ScriptedModel(lambda _: "word")

        async def work(endpoint: Any) -> None:
            await _asked(endpoint, "tell", "tell", temperature=0.7)
            await _asked(endpoint, "tell", "tell", temperature=0.7, seed=5)

        _serve(model, work)
        drawn.append([request.sampling.seed for request in model.requests if isinstance(request, Generate)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3
    assert drawn[0][2] == 5


@pytest.mark.parametrize("at_once", [False, True])
def test_after_the_budget_all_is_refused(at_once: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """At most one request more than the budget, also where many wait at the same time; what is known is still told."""
    texts = [f"question number {number}" for number in range(40)]
    model = ScriptedModel(lambda _: "one two three")

    async def work(endpoint: Any) -> None:
        if at_once:
            async with anyio.create_task_group() as tasks:
                for text in texts:
                    tasks.start_soon(_asked, endpoint, text)
        else:
            await _asked(endpoint, *texts)
        assert endpoint.exhausted
        (refused,) = await _asked(endpoint, "another")
        assert (refused["status"], refused["error"]["code"]) == (403, "budget_exhausted")
        first = model.requests[0]
        assert isinstance(first, Generate)
        (known,) = await _asked(endpoint, first.messages[-1].content)
        assert known["choices"][0]["message"]["content"] == "one two three"

    endpoint = _serve(model, work, budget=100)
    one = 9 + 3
    assert 100 <= endpoint.total.tokens < 100 + one
    assert endpoint.total.calls - endpoint.total.cache_hits + endpoint.refused == len(texts) + 1
    assert len(model.requests) < len(texts)


def test_what_it_cannot_do_is_said_without_ending_it() -> None:
    """A wrong request, an unknown model, a prompt that is too long; a dead backend is kept for whoever serves it."""

    async def work(endpoint: Any) -> None:
        (streamed,) = await _asked(endpoint, "hello", stream=True)
        assert streamed["status"] == 400
        (unknown,) = await _asked(endpoint, "hello", model="gpt")
        assert (unknown["status"], unknown["error"]["message"]) == (404, "the models are executor")
        (long,) = await _asked(endpoint, "word " * 5_000)
        assert (long["status"], long["error"]["code"]) == (400, "context_length_exceeded")
        assert endpoint.total.tokens == 0
        assert endpoint.broken is None
        (dead,) = await _asked(endpoint, "hello")
        assert (dead["status"], dead["error"]["message"]) == (500, "it is dead")
        assert isinstance(endpoint.broken, ModelCrashed)

    _serve(ScriptedModel({}, fail_at={2: ModelCrashed("it is dead")}), work)
