"""The Ollama backend: blocks of requests to one model of a server, some at a time."""

import os
from collections.abc import Sequence
from typing import Final

import anyio

from promptbreeder.errors import InvalidInput, ModelChanged, ModelCrashed
from promptbreeder.models import chatml
from promptbreeder.models.base import (
    Block,
    Choice,
    Choose,
    Expected,
    Generate,
    Likelihood,
    Limits,
    Rates,
    Reply,
    Sampling,
    choice_bound,
)
from promptbreeder.models.ollama.answers import Answer, rate_of, shared_prefix
from promptbreeder.models.ollama.bodies import BATCH, Asked, Bodies
from promptbreeder.models.ollama.ordering import in_order
from promptbreeder.models.ollama.scoring import (
    REVISION,
    first_token_scores,
    forked_scores,
    places,
    suspects,
    tell_apart,
)
from promptbreeder.models.ollama.server import TELLS_PROBABILITIES, Held, Version, held, shape_of, version_of
from promptbreeder.models.ollama.wire import Rejected, Wire
from promptbreeder.text import defuse

CONTEXT: Final = 4096
"""Tokens of context that the server is asked for; always the same, because a change loads the model anew."""
_TIMED_READ, _TIMED_WRITE, _TIMES = 256, 24, 2
_TOO_LONG = ("exceed", "context", "too long", "length")


class OllamaModel:
    """See `promptbreeder.models.base.Model`."""

    def __init__(self, model: str, host: str | None = None, *, parallel: int = 2) -> None:
        """Name a model with its size, for example `smollm2:360m`; nothing is asked yet.

        `host` is as in OLLAMA_HOST; `parallel` is how many requests are on their way at a time: what the server works
        on at a time (OLLAMA_NUM_PARALLEL) it does not tell.

        Raises:
            InvalidInput: if the size is missing.
        """
        if ":" not in model.rpartition("/")[2]:
            raise InvalidInput(
                f"'ollama:{model}' does not say the size, and Ollama's default may be a large one; "
                f"name it, for example ollama:{model or 'smollm2'}:360m"
            )
        self._model = model
        self._wire = Wire(host)
        self._limiter = anyio.CapacityLimiter(parallel)
        self._held: Held | None = None
        self._version: Version | None = None
        self._identity: tuple[str, Limits] | None = None
        self._bodies: Bodies | None = None
        self._rates: Rates | None = None
        self._firsts: dict[tuple[str, ...], dict[str, bytes]] = {}
        self._opening = anyio.Lock()

    @property
    def name(self) -> str:
        """`ollama:` and the model's name there."""
        return f"ollama:{self._model}"

    async def open(self) -> None:
        """Ask the server for its version and for the model; loads nothing there.

        Raises:
            ModelUnreachable: if no usable server answers.
            ModelMissing: if it does not hold the model, with the ways to get it.
            ModelChanged: if the model behind the name, or the server, is not the one that was opened.
        """
        async with self._opening:
            version, model = await self._still_there()
            if self._identity is not None:
                return
            shape = await shape_of(self._wire, self._model)
            context = min(CONTEXT, shape.context or CONTEXT)
            self._held, self._version = model, version
            # What thinks must be told not to, which only messages can.
            raw = shape.chatml and not shape.thinks
            self._bodies = Bodies(self._model, context=context, raw=raw, thinks=shape.thinks)
            asked = f"format={'chatml' if raw else 'chat'} context={context} batch={BATCH} scores={REVISION}"
            self._identity = (
                f"ollama {version.text} digest={_short(model)} {asked}",
                Limits(
                    context=context,
                    choose=version.numbers >= TELLS_PROBABILITIES,
                    exact_choice=False,
                    likelihood=False,
                    shares_prefix=True,
                    repeatable=False,
                    chatml=raw,
                    writes_choices=True,
                ),
            )

    @property
    def fingerprint(self) -> str:
        """Server version, digest of the model, and load-time options."""
        return self._known()[0]

    @property
    def weights(self) -> str:
        """Digest of the model, as the server tells it."""
        if self._held is None:
            raise ModelCrashed(f"{self.name} is not open")
        return _short(self._held)

    @property
    def limits(self) -> Limits:
        """What this server can do."""
        return self._known()[1]

    async def rates(self) -> Rates:
        """Reading and writing speed by the server's own clock, measured once."""
        await self.open()
        if self._rates is None:
            self._rates = await self._measured()
        return self._rates

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Generate one reply per request."""
        await self._check()
        bodies = self._asking()

        async def one(request: Generate) -> Reply:
            answer = await self._ask(bodies.generate(request.messages, request.sampling, request.opening))
            if isinstance(answer, str):
                return Reply("", 0, 0, failure=answer)
            if not answer.done:
                broken = "the server broke the reply off (it repeats itself)"
                return Reply("", answer.read, answer.wrote, failure=broken)
            return Reply(answer.text, answer.read, answer.wrote)

        replies = await in_order(requests, one, self._limiter)
        texts = [chatml.render(request.messages, request.opening) for request in requests]
        return Block(tuple(replies), shared_prefix(texts, [reply.prompt_tokens for reply in replies]))

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Score the options of each request.

        What is generated for that is counted; not what is asked once about labels (`_first_tokens`): a few tokens each.
        A prompt that is asked about twice in a row counts as read once, like what a block shares.
        """
        if not requests:
            return Block(())
        options = requests[0].options
        if not options or any(request.options != options for request in requests):
            raise InvalidInput("all requests of a block must have the same options, at least one")
        if not self.limits.choose:
            raise InvalidInput(
                f"this Ollama gives no log-probabilities of labels ({self.fingerprint}); update it to 0.12.11 or "
                "newer, or use free decoding"
            )
        await self._check()
        bodies, plain = self._asking(), [defuse(option) for option in options]
        firsts = await self._first_tokens(plain)
        forked = not tell_apart(tuple(firsts.values()))

        async def one(request: Choose) -> Choice:
            read = wrote = 0
            if not forked:
                answer = await self._ask(bodies.first_token(request.messages))
                if isinstance(answer, str):
                    return Choice((), 0, failure=answer)
                read, wrote = answer.read, answer.wrote
                if way := places(answer):
                    return Choice(first_token_scores(way[0], plain, firsts), read, completion_tokens=wrote)
                # The model would end its turn at once, and of a token without text nothing is told: hold it to them.
            answer = await self._ask(bodies.one_of(request.messages, plain, choice_bound(plain) - 1))
            if isinstance(answer, str):
                return Choice((), read, failure=answer, completion_tokens=wrote)
            if not (way := places(answer)):
                raise ModelCrashed(f"Ollama gives no log-probabilities for {self._model}; see its log")
            scores = forked_scores(way, plain, answer.text)
            return Choice(scores, answer.read, completion_tokens=wrote + answer.wrote)

        choices = await in_order(requests, one, self._limiter)
        texts = [chatml.render(request.messages) for request in requests]
        return Block(tuple(choices), shared_prefix(texts, [choice.prompt_tokens for choice in choices]))

    async def likelihood(self, requests: Sequence[Expected]) -> Block[Likelihood]:
        """Not available: the server tells probabilities of generated tokens only."""
        if not requests:
            return Block(())
        raise InvalidInput("Ollama cannot score given answers; the native engine can (`make native`)")

    async def aclose(self) -> None:
        """Close all connections; the server keeps the model for a while."""
        await self._wire.aclose()

    async def _check(self) -> None:
        """Refuse to go on with another model under the same name, or another server.

        Raises:
            ModelChanged: then.
        """
        if self._held is None:
            raise ModelCrashed(f"{self.name} is not open")
        await self._still_there()

    async def _still_there(self) -> tuple[Version, Held]:
        """Return what the server says of itself and of the model; raises ModelChanged where it said otherwise."""
        version, model = await version_of(self._wire), await held(self._wire, self._model)
        changed = ""
        if self._held is not None and self._held.digest != model.digest:
            changed = (
                f"{self.name} is not what it was ({_short(self._held)} -> {_short(model)}): it was pulled or made anew"
            )
        elif self._version is not None and self._version != version:
            changed = f"Ollama was updated ({self._version.text} -> {version.text}), and may answer in another way"
        if changed:
            raise ModelChanged(
                f"{changed}. What was measured on the old one stays; new runs and measurements use the new one"
            )
        return version, model

    async def _ask(self, asked: Asked) -> Answer | str:
        """Return the answer, or why this one item cannot be answered."""
        try:
            return await self._wire.post(*asked, Answer)
        except Rejected as error:
            if any(word in str(error).lower() for word in _TOO_LONG):
                return f"the prompt does not fit: {error}"
            raise ModelCrashed(
                f"Ollama does not accept the request for {self._model} ({error}): is it a model that generates text? "
                "`promptbreeder-mcp models` lists others"
            ) from error

    async def _answer(self, asked: Asked) -> Answer:
        """Return the answer to something short; raises ModelCrashed where there is none."""
        answer = await self._ask(asked)
        if isinstance(answer, str):
            raise ModelCrashed(f"{self.name}: {answer}")
        return answer

    async def _first_tokens(self, options: Sequence[str]) -> dict[str, bytes]:
        """Return the token that this model begins an option with, for those options where it matters.

        The server has no tokenizer to ask. A text that repeats an option makes its first token nearly certain.
        """
        key = tuple(options)
        if key not in self._firsts:
            firsts = {}
            for option in suspects(options):
                asked = self._asking().text(f"{option}\n" * 4, Sampling(max_tokens=1))
                way = places(await self._answer(asked))
                firsts[option] = way[0].taken if way else b""
            self._firsts[key] = firsts
        return self._firsts[key]

    async def _measured(self) -> Rates:
        reads, writes = [], []
        for _ in range(_TIMES):
            # A beginning of its own: the server must not find it in its cache.
            text = os.urandom(8).hex() + " time" * _TIMED_READ
            answer = await self._answer(self._asking().text(text, Sampling(max_tokens=_TIMED_WRITE)))
            reads.append(rate_of(answer.read, answer.prompt_eval_duration))
            writes.append(rate_of(answer.wrote, answer.eval_duration))
        return Rates(read=max(reads), write=max(writes))

    def _asking(self) -> Bodies:
        if self._bodies is None:
            raise ModelCrashed(f"{self.name} is not open")
        return self._bodies

    def _known(self) -> tuple[str, Limits]:
        if self._identity is None:
            raise ModelCrashed(f"{self.name} is not open")
        return self._identity


def _short(model: Held) -> str:
    return model.digest.removeprefix("sha256:")[:16]
