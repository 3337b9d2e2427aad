"""The scripted model: a deterministic stand-in that answers in microseconds. For tests and for trying the tools.

As an executor it answers like the demonstration whose input shares most words with the item, else like the option
whose name stands in the item, else with the first option; so its accuracy depends on the prompt, and evolving prompts
on it makes progress. As a writer it rewrites the longest quoted text by rules. Tokens are words.

Measurements on it say nothing about any real model.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, takewhile

from promptbreeder.errors import ModelError
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
)
from promptbreeder.prompt import Message

Answering = Callable[[Generate], str]
_CONTEXT = 4_096
_LONG = 7
"""Words from which on a line can be cut in two."""
_OPENERS = ("Decide", "Classify", "Choose", "Read the text and name", "Assign", "Pick")


class ScriptedModel:
    """See `promptbreeder.models.base.Model`.

    Faults on demand: `fail_at` raises an error at the n-th call of a batch method (from 1).
    """

    def __init__(
        self,
        answers: Mapping[str, str] | Answering | None = None,
        *,
        name: str = "scripted",
        fail_at: Mapping[int, ModelError] | None = None,
    ) -> None:
        """Answer by a table (last message -> reply), by a function, or by the built-in rule."""
        self._answers = answers
        self._name = name
        self._fail_at = dict(fail_at or {})
        self.calls = 0
        """Batch calls so far."""
        self.requests: list[Generate | Choose | Expected] = []
        """Every request so far, in order."""

    @property
    def name(self) -> str:
        """As given."""
        return self._name

    async def open(self) -> None:
        """Nothing to load."""

    @property
    def fingerprint(self) -> str:
        """The same for all scripted models of one name."""
        return f"{self._name}-1"

    @property
    def weights(self) -> str:
        """It has none: what it answers by."""
        return self.fingerprint

    @property
    def limits(self) -> Limits:
        """Everything is available."""
        return Limits(context=_CONTEXT, choose=True, exact_choice=True, likelihood=True, shares_prefix=True)

    async def rates(self) -> Rates:
        """A speed like a small model's."""
        return Rates(read=1_000.0, write=100.0)

    async def generate(self, requests: Sequence[Generate]) -> Block[Reply]:
        """Answer each request."""
        self._begin(requests)
        replies = []
        for request in requests:
            read = _tokens(request.messages)
            if read + request.sampling.max_tokens > _CONTEXT:
                reason = f"the prompt has {read} tokens and {request.sampling.max_tokens} to write; {_CONTEXT} fit"
                replies.append(Reply("", 0, 0, failure=reason))
                continue
            words = self._reply(request).split(" ")[: request.sampling.max_tokens]
            text = " ".join(words)
            ends = [place for stop in request.sampling.stop if (place := text.find(stop)) >= 0]
            replies.append(Reply(text[: min(ends)] if ends else text, read, len(words)))
        return Block(tuple(replies), _shared([request.messages for request in requests]))

    async def choose(self, requests: Sequence[Choose]) -> Block[Choice]:
        """Score each option by how well it fits; the best is what `generate` would answer."""
        self._begin(requests)
        choices = []
        for request in requests:
            read = _tokens(request.messages)
            if read > _CONTEXT:
                choices.append(Choice((), 0, failure=f"the prompt has {read} tokens; {_CONTEXT} fit"))
                continue
            best = _executed(request.messages, request.options)
            choices.append(Choice(tuple(-0.1 if o == best else -3.0 - i for i, o in enumerate(request.options)), read))
        return Block(tuple(choices), _shared([request.messages for request in requests]))

    async def likelihood(self, requests: Sequence[Expected]) -> Block[Likelihood]:
        """Score an answer high where it is the one that would be given."""
        self._begin(requests)
        found = []
        for request in requests:
            read = _tokens(request.messages)
            if read > _CONTEXT:
                found.append(Likelihood(0.0, 0, failure=f"the prompt has {read} tokens; {_CONTEXT} fit"))
                continue
            fits = _executed(request.messages, ()) == request.answer
            found.append(Likelihood(-0.1 if fits else -3.0, read))
        return Block(tuple(found), _shared([request.messages for request in requests]))

    async def aclose(self) -> None:
        """Nothing to free."""

    def _begin(self, requests: Sequence[Generate] | Sequence[Choose] | Sequence[Expected]) -> None:
        self.calls += 1
        self.requests.extend(requests)
        fault = self._fail_at.pop(self.calls, None)
        if fault is not None:
            raise fault

    def _reply(self, request: Generate) -> str:
        if callable(self._answers):
            return self._answers(request)
        asked = request.messages[-1].content if request.messages else ""
        if self._answers is not None:
            return self._answers.get(asked, "")
        if request.sampling.temperature > 0:
            return _rewritten(asked, random.Random(request.sampling.seed))
        return _executed(request.messages, ())


def _executed(messages: Sequence[Message], options: Sequence[str]) -> str:
    """Return the answer to the last message: the nearest demonstration's, by shared words."""
    item = _words(messages[-1].content)
    shots = [
        (len(item & _words(asked.content)), answered.content)
        for asked, answered in pairwise(messages)
        if asked.role == "user" and answered.role == "assistant"
    ]
    best = max(shots, key=lambda shot: shot[0], default=(0, ""))
    if best[0] > 0 and (not options or best[1] in options):
        return best[1]
    for option in options:
        if option.lower() in item:
            return option
    return options[0] if options else best[1] or messages[-1].content.split("\n")[0]


def _rewritten(text: str, rng: random.Random) -> str:
    """Return one of several plain rewrites of the longest line."""
    line = max(text.splitlines() or [""], key=len).strip().strip('"')
    words = line.split()
    if len(words) >= _LONG and rng.randrange(2):
        cut = rng.randrange(2, len(words) - 2)
        words = words[cut:] + words[:cut]
    return f"{rng.choice(_OPENERS)} {' '.join(words)}".strip()


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _tokens(messages: Sequence[Message]) -> int:
    return sum(len(content.split()) + 1 for _, content in messages)


def _shared(rendered: Sequence[Sequence[Message]]) -> int:
    """Return the tokens of the leading messages, and words of the next one, that all requests have in common."""
    if len(rendered) < 2:  # noqa: PLR2004 - one request shares nothing with anybody
        return max(0, _tokens(rendered[0]) - 1) if rendered else 0
    shared = 0
    for messages in zip(*rendered, strict=False):
        if any(message != messages[0] for message in messages):
            words = zip(*((message.role, *message.content.split()) for message in messages), strict=False)
            shared += sum(1 for _ in takewhile(lambda same: len(set(same)) == 1, words))
            break
        shared += _tokens([messages[0]])
    return min(shared, *(max(0, _tokens(messages) - 1) for messages in rendered))
