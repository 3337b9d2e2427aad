"""/api/generate and /api/chat."""

import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from ollama_standin import answers, templates
from ollama_standin.answers import Json
from ollama_standin.brain import Brain, Token
from ollama_standin.errors import ApiError, ClientGone
from ollama_standin.faults import Faults
from ollama_standin.generation import Chunk, Finish, chunks, enum_of, fitted
from ollama_standin.journal import Journal
from ollama_standin.library import Library, Model
from ollama_standin.options import Options, keep_alive_seconds, options_of
from ollama_standin.runner import Runner, Scheduler
from ollama_standin.wire import JSON, Exchange

_LOGPROBS_SINCE = (0, 12, 11)
_MOST_LOGPROBS = 20
_VOCABULARY = 49_152


class Inference:
    """Answers prompts and chats."""

    def __init__(self, brain: Brain, library: Library, scheduler: Scheduler, faults: Faults, journal: Journal) -> None:
        self.version = ""
        self._brain = brain
        self._library = library
        self._scheduler = scheduler
        self._faults = faults
        self._journal = journal

    def serve(self, exchange: Exchange) -> None:
        """Answer one request, as a stream unless it says `"stream": false`."""
        path, request = exchange.path, exchange.json()
        if not 0 <= (request.get("top_logprobs") or 0) <= _MOST_LOGPROBS:
            raise ApiError(400, "top_logprobs must be between 0 and 20")
        model = self._library.get(request.get("model") or "")
        said = request.get("prompt" if path == "/api/generate" else "messages")
        keep_alive = keep_alive_seconds(request.get("keep_alive"))
        if not said and keep_alive == 0 and request.get("keep_alive") is not None:
            self._scheduler.unload(model)
            exchange.send(200, answers.reply(path, request["model"], "", done=True, done_reason="unload"))
            return
        if request.get("raw") and (request.get("template") or request.get("system") or request.get("context")):
            raise ApiError(400, "raw mode does not support template, system, or context")
        options = options_of(model, request.get("options"), request.get("shift"))
        runner, loaded = self._scheduler.runner(model, options, keep_alive)
        if not said:
            exchange.send(200, answers.reply(path, request["model"], "", done=True, done_reason="load"))
            return
        lines = self._lines(exchange, request, _Job(model, options, runner, loaded=loaded))
        # Closing it frees the slot and stops the brain, whatever became of the client.
        with closing(lines):
            if request.get("stream", True):
                exchange.stream(lines)
            else:
                exchange.send(200, answers.whole(path, list(lines)), JSON)

    def _lines(self, exchange: Exchange, request: Mapping[str, Any], job: "_Job") -> Generator[Json]:
        truncate = request.get("truncate") is not False
        prompt = self._prompt(exchange.path, request, job, truncate=truncate)
        tokens = fitted(
            self._brain.tokens(prompt),
            job.runner.context,
            int(job.options.values["num_keep"]),
            truncate=truncate,
            shift=request.get("shift") is not False,
        )
        try:
            with self._scheduler.slot(job.runner, tokens, exchange.gone) as (cached, queued_ns):
                self._hold(exchange)
                yield from self._answer(exchange, request, job, prompt, (tokens, cached, queued_ns))
        except (ClientGone, ConnectionError, GeneratorExit):
            self._journal.count("aborted")
            raise

    def _hold(self, exchange: Exchange) -> None:
        if self._faults.hold is None:
            return
        self._journal.count("held")
        try:
            exchange.wait(self._faults.hold)
        finally:
            self._journal.count("held", -1)

    def _answer(
        self,
        exchange: Exchange,
        request: Mapping[str, Any],
        job: "_Job",
        prompt: str,
        reading: tuple[Sequence[Token], int, int],
    ) -> Iterator[Json]:
        tokens, cached, queued_ns = reading
        path, name = exchange.path, request["model"]
        asked = bool(request.get("logprobs")) and release(self.version) >= _LOGPROBS_SINCE
        tops = int(request.get("top_logprobs") or 0) if asked else 0
        budget = job.options.budget(job.runner.context)
        values = {**job.options.values, "num_predict": min(budget, job.runner.context - len(tokens))}
        pieces = self._brain.complete(tokens, values, enum_of(request.get("format")), tops)
        text, reason, count = "", "", 0
        broken = False
        with closing(pieces):
            for item in chunks(pieces, values["stop"], values["num_predict"]):
                if exchange.gone():
                    raise ClientGone
                if broken:
                    raise ApiError(500, "an error was encountered while running the model: unexpected EOF")
                if isinstance(item, Chunk):
                    text += item.text
                    entries = [answers.logprob(item.piece, tops)] if asked else []
                    yield answers.reply(path, name, item.text, done=False, logprobs=entries)
                    broken = self._faults.strikes("error_mid_stream")
                elif isinstance(item, str):
                    reason = item
                else:
                    count = item
        if not reason or self._faults.strikes("no_done"):
            return
        finish = Finish(reason, len(tokens), cached, count)
        context: list[int] = []
        if path == "/api/generate" and not request.get("raw"):
            context = [_number(token) for token in self._brain.tokens(prompt + text)]
        durations = finish.durations(loaded=job.loaded, queued_ns=queued_ns)
        yield answers.reply(path, name, "", done=True, done_reason=reason, context=context, **durations)

    def _prompt(self, path: str, request: Mapping[str, Any], job: "_Job", *, truncate: bool) -> str:
        """Return the text that the model reads; of a long chat the oldest messages are left out."""
        model = job.model
        if request.get("raw"):
            return str(request["prompt"])
        own = [dict(message) for message in model.messages]
        if path == "/api/generate":
            system = request.get("system") or model.system
            messages = [*own, {"role": "user", "content": request["prompt"]}]
            messages = [{"role": "system", "content": system}, *messages] if system else messages
        else:
            messages = [*own, *request["messages"]]
            if request["messages"][0]["role"] != "system" and model.system:
                messages.insert(0, {"role": "system", "content": model.system})
        form = request.get("template") or model.template
        prompt = ""
        for start in range(len(messages) if truncate and form == model.template else 1):
            systems = [message for message in messages[:start] if message["role"] == "system"]
            prompt = templates.render(form, [*systems, *messages[start:]])
            if len(self._brain.tokens(prompt)) <= job.runner.context:
                break
        return prompt


class _Job:
    """What a request computes on."""

    def __init__(self, model: Model, options: Options, runner: Runner, *, loaded: bool) -> None:
        self.model = model
        self.options = options
        self.runner = runner
        self.loaded = loaded


def release(version: str) -> tuple[int, ...]:
    """Return a version to compare by; what follows a hyphen does not count."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _number(token: Token) -> int:
    return token if isinstance(token, int) else zlib.crc32(token.encode()) % _VOCABULARY
