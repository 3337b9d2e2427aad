"""A chat endpoint like OpenAI's, on loopback, over open models: what other libraries expect. It counts and limits.

Requests that wait at the same time are answered as one block. They are charged as a run of the product is: what a
request shares with the beginning of one of the last 16 is not read again, and what is repeatable and was asked before
is free, counted as a cache hit. Once the budget is used every further request is refused with status 403, which no
client tries again in earnest; so at most one request is more than the budget.
"""

import contextlib
import hashlib
import json
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import anyio.from_thread
import anyio.to_thread
from chat_api import BAD, BROKEN, OK, REFUSED, UNKNOWN, Answered, Request, completion, error  # beside this file
from pydantic import ValidationError

from promptbreeder.errors import ModelError
from promptbreeder.evaluation.meter import Usage
from promptbreeder.models import chatml
from promptbreeder.models.base import Generate, Model, Reply
from promptbreeder.runs.blocks import BLOCK_SIZE

QUIET_SECONDS = 0.01
"""So long no other request has come when a block that is not full is begun."""


@dataclass(eq=False)
class _Waiting:
    """A request until it is answered."""

    request: Request
    key: str
    asked: Generate
    text: bytes
    done: anyio.Event
    answered: Answered = (BROKEN, {})

    def finish(self, answered: Answered) -> None:
        self.answered = answered
        self.done.set()


class Endpoint:
    """Answers requests; `used` tells what each model did, by the name under which it is asked."""

    def __init__(self, models: Mapping[str, Model], *, budget: int | None, seed: int) -> None:
        """Serve open models; without a budget it only counts. `seed` decides the draws that no request seeds."""
        self.url = ""
        self.used = dict.fromkeys(models, Usage())
        self.refused = 0
        self.broken: ModelError | None = None
        """Why a model could not answer at all."""
        self._models = models
        self._budget = budget
        self._seed = seed
        self._queue: list[_Waiting] = []
        self._arrived = anyio.Event()
        self._kept: dict[str, Reply] = {}
        self._asked: Counter[str] = Counter()
        self._before = {name: deque[bytes](maxlen=BLOCK_SIZE) for name in models}

    @property
    def total(self) -> Usage:
        """What all models did together."""
        return sum(self.used.values(), start=Usage())

    @property
    def exhausted(self) -> bool:
        """Whether the budget is used."""
        return self._left() <= 0

    async def answer(self, body: bytes) -> Answered:
        """Return status and content of the response to a chat request."""
        try:
            request = Request.model_validate_json(body)
        except ValidationError as problem:
            return error(BAD, "invalid_request", str(problem))
        if request.model not in self._models:
            return error(UNKNOWN, "model_not_found", f"the models are {', '.join(self._models)}")
        key = request.key()
        self._asked[key] += 1
        asked = request.generate(self._draw(key))
        waiting = _Waiting(request, key, asked, chatml.render(asked.messages).encode(), anyio.Event())
        self._queue.append(waiting)
        self._arrived.set()
        await waiting.done.wait()
        return waiting.answered

    async def work(self) -> None:
        """Answer what waits, block by block, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = anyio.Event()
            while self._queue:
                await self._gathered()
                await self._answer_block(self._next_block())

    async def _gathered(self) -> None:
        """Wait while requests come in one after the other."""
        seen = 0
        while seen < len(self._queue) < BLOCK_SIZE:
            seen = len(self._queue)
            await anyio.sleep(QUIET_SECONDS)

    def _next_block(self) -> list[_Waiting]:
        """Take what can be answered together within the budget; answer at once what needs no model."""
        block: list[_Waiting] = []
        later: list[_Waiting] = []
        most = 0
        for each in self._queue:
            if each.request.repeatable and each.key in self._kept:
                self.used[each.request.model] += Usage(calls=1, cache_hits=1)
                each.finish(completion(each.request, self._kept[each.key]))
            elif self.exhausted:
                self.refused += 1
                each.finish(error(REFUSED, "budget_exhausted", f"the budget of {self._budget} tokens is used up"))
            elif len(block) < BLOCK_SIZE and most < self._left() and _together(block, each):
                # There are never more tokens than bytes: what comes after this one will still be within the budget.
                most += len(each.text) + each.asked.sampling.max_tokens
                if block and self._models[each.request.model].limits.shares_prefix:
                    most -= _common(each.text, block[0].text)
                block.append(each)
            else:
                later.append(each)
        self._queue = later
        return sorted(block, key=lambda each: each.text)

    async def _answer_block(self, block: list[_Waiting]) -> None:
        if not block:
            return
        name = block[0].request.model
        try:
            replies = (await self._models[name].generate([each.asked for each in block])).answers
        except ModelError as problem:
            self.broken = problem
            for each in block:
                each.finish(error(BROKEN, "model_failed", str(problem)))
            return
        for each, reply in zip(block, replies, strict=True):
            if reply.failure:
                each.finish(error(BAD, "context_length_exceeded", reply.failure))
            else:
                self._charge(name, each.text, reply)
                self._kept[each.key] = reply
                each.finish(completion(each.request, reply))

    def _charge(self, name: str, text: bytes, reply: Reply) -> None:
        shared = max((_common(text, before) for before in self._before[name]), default=0)
        self._before[name].append(text)
        # Where two texts part is known in bytes only, so the shared tokens are taken in proportion.
        share = shared / len(text) if self._models[name].limits.shares_prefix else 0.0
        read = max(1, reply.prompt_tokens - int(share * reply.prompt_tokens))
        computed = read + reply.completion_tokens
        self.used[name] += Usage(1, read, reply.completion_tokens, computed_tokens=computed)

    def _left(self) -> float:
        return float("inf") if self._budget is None else self._budget - self.total.tokens

    def _draw(self, key: str) -> int:
        digest = hashlib.sha256(f"{self._seed} {self._asked[key]} {key}".encode()).digest()
        return int.from_bytes(digest[:4]) >> 1


class _Server(ThreadingHTTPServer):
    # As many clients may connect at once as there are requests in a block, and more.
    request_queue_size = 128


@asynccontextmanager
async def serving(models: Mapping[str, Model], *, budget: int | None = None, seed: int = 0) -> AsyncIterator[Endpoint]:
    """Serve an endpoint on a free port of the loopback interface while the context lasts; see its `url`."""
    endpoint = Endpoint(models, budget=budget, seed=seed)
    failure: Exception | None = None
    async with anyio.from_thread.BlockingPortal() as portal, anyio.create_task_group() as tasks:
        tasks.start_soon(endpoint.work)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path != "/v1/chat/completions":
                    self._send(error(UNKNOWN, "not_found", "POST /v1/chat/completions is all there is"))
                    return
                # Cancelled: whoever asked was ended, and waits no more.
                with contextlib.suppress(CancelledError):
                    self._send(portal.call(endpoint.answer, body))

            def do_GET(self) -> None:
                if self.path == "/v1/budget":
                    self._send((OK, {"budget": budget, "used": endpoint.total.tokens}))
                    return
                self._send((OK, {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Stay silent: what counts is counted."""

            def _send(self, answered: Answered) -> None:
                status, content = answered
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        with _Server(("127.0.0.1", 0), Handler) as server:
            endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield endpoint
            except Exception as problem:  # noqa: BLE001 - raised again below, as it is and not in a group
                failure = problem
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(server.shutdown)
                    await portal.stop(cancel_remaining=True)
                tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _together(block: list[_Waiting], more: _Waiting) -> bool:
    """Whether one block can hold them: they begin alike, so that it is read once, and none is computed twice."""
    alike = all(
        # The turns before the last: the system's, and the demonstrations'.
        (more.request.model, more.request.messages[:-1]) == (each.request.model, each.request.messages[:-1])
        for each in block[:1]
    )
    return alike and not (more.request.repeatable and any(more.key == each.key for each in block))


def _common(one: bytes, other: bytes) -> int:
    """Return how many bytes the two have in common at their beginning."""
    shortest = min(len(one), len(other))
    return next((place for place in range(shortest) if one[place] != other[place]), shortest)
