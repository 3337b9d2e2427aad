"""A brain without a model: deterministic, steered by functions of the prompt, fast."""

import math
import random
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from ollama_standin.brain import Piece, Token

_TOKEN = re.compile(r"<\|\w+\|>|\s?[^\W_]{1,8}|\s|.")
_END = ""
"""What ends a turn has no text, as in the real server's answers."""
_OTHERS = (
    _END,
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "is",
    "it",
    "you",
    "that",
    "he",
    "was",
    "for",
    "on",
    "are",
    "with",
    "as",
    "his",
    "they",
    "at",
    "be",
)
_SAID = 0.9
"""The share of what is said, or steered to, among all tokens of a place; `_OTHERS` have the rest."""


def _a_short_answer(_: str) -> str:
    return "This is a short answer."


class ScriptedBrain:
    """Says `reply(prompt)`, or the likeliest of `labels(prompt)`.

    `labels` gives weights of what the answer may begin with. They decide the log-probabilities of the first token, in
    which labels that begin with the same token share; and which string is chosen from an enum.
    """

    def __init__(
        self,
        reply: Callable[[str], str] | None = None,
        labels: Callable[[str], Mapping[str, float]] | None = None,
    ) -> None:
        self._reply = reply
        self._labels = labels or (lambda _: {})

    def tokens(self, text: str) -> list[Token]:
        """Cut into words with the space before them, long ones into pieces; nothing is lost."""
        return [*_TOKEN.findall(text)]

    def complete(
        self, prompt: Sequence[Token], options: dict[str, Any], enum: Sequence[str] | None, n_logprobs: int
    ) -> Generator[Piece]:
        """Say the scripted text; at a temperature each token is drawn from the distribution of its place."""
        asked = "".join(map(str, prompt))
        labels = {label: weight for label, weight in self._labels(asked).items() if weight > 0}
        said = self._said(asked, labels, enum)
        # An unset seed is another one each time, as in the real server.
        rng = random.Random(options["seed"] if options["seed"] >= 0 else None)
        for place, token in enumerate([*map(str, self.tokens(said)), _END]):
            # The quotation mark of an enum is not what the labels begin with.
            shares = self._shares(token, labels if place == (enum is not None) else {})
            drawn = token if enum is not None or options["temperature"] <= 0 else _draw(shares, options, rng)
            top = [(name, math.log(share)) for name, share in shares.items()][:n_logprobs]
            yield Piece(drawn, math.log(shares[drawn]), top, end=drawn == _END)
            if drawn == _END:
                return

    def _said(self, asked: str, labels: Mapping[str, float], enum: Sequence[str] | None) -> str:
        reply = (self._reply or _a_short_answer)(asked)
        if enum is not None:
            weights = labels or {reply: 1.0}
            return f'"{max(enum, key=lambda label: weights.get(label, 0.0))}"'
        return reply if self._reply or not labels else max(labels, key=labels.__getitem__)

    def _shares(self, token: str, labels: Mapping[str, float]) -> dict[str, float]:
        """Return tokens with their shares, likeliest first; `token` is among them."""
        steered: dict[str, float] = {}
        total = math.fsum(labels.values())
        for label, weight in labels.items():
            first = str(self.tokens(label)[0])
            steered[first] = steered.get(first, 0.0) + _SAID * weight / total
        shares = steered or {token: _SAID}
        for rank, word in enumerate(word for word in _OTHERS if word not in steered):
            shares.setdefault(word, (1 - _SAID) * 0.5 ** (rank + 1))
        # What is said against the labels is as unlikely as can be.
        shares.setdefault(token, min(shares.values()) / 2)
        return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _draw(shares: Mapping[str, float], options: Mapping[str, Any], rng: random.Random) -> str:
    """Draw a token as samplers do: among the best `top_k`, then those that make up `top_p`, by temperature."""
    kept = list(shares.items())[: options["top_k"] or None]
    mass = 0.0
    for count, (_, share) in enumerate(kept, 1):
        mass += share
        if mass >= options["top_p"]:
            kept = kept[:count]
            break
    weights = [share ** (1 / options["temperature"]) for _, share in kept]
    return rng.choices([name for name, _ in kept], weights)[0]
