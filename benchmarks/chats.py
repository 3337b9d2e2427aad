"""A chat that another library sends, under our ways of decoding: what comes of its prompt, and what of the decoding."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptbreeder.evaluation.cached import CachedModel
from promptbreeder.evaluation.calibration import frequencies, prior_for
from promptbreeder.evaluation.meter import Meter
from promptbreeder.models.base import Choose
from promptbreeder.prompt import Decoding, Message
from promptbreeder.runs.blocks import in_blocks

PLACE = "@@INPUT@@"
"""Stands for the input in a chat."""


@dataclass(frozen=True, slots=True)
class Chat:
    """Messages with `PLACE` for the input, and the words with which the library wants an answer to begin."""

    messages: tuple[Message, ...]
    opening: str = ""

    def about(self, text: str) -> tuple[Message, ...]:
        """Return the messages that ask for `text`."""
        return tuple(Message(role, content.replace(PLACE, text)) for role, content in self.messages)


async def choose(
    model: CachedModel,
    chat: Chat,
    decoding: Decoding,
    labels: Sequence[str],
    *,
    inputs: Sequence[str],
    calibration: Sequence[str],
    known: Sequence[str | None],
) -> list[str]:
    """Return the likeliest label of each input; an empty text where the chat is too long for the model.

    `calibration` are inputs and `known` right answers, as for `promptbreeder.evaluation.evaluator.Evaluator`.
    """
    prior = (0.0,) * len(labels)
    if decoding is Decoding.CALIBRATED:
        seen = [row for row in await _logprobs(model, chat, labels, calibration) if row]
        prior = prior_for(seen, frequencies(labels, known))
    answers = []
    for row in await _logprobs(model, chat, labels, inputs):
        scores = [value - shift for value, shift in zip(row, prior, strict=True)] if row else []
        answers.append(labels[scores.index(max(scores))] if scores else "")
    return answers


async def _logprobs(
    model: CachedModel, chat: Chat, labels: Sequence[str], inputs: Sequence[str]
) -> list[tuple[float, ...]]:
    options = tuple(chat.opening + label for label in labels)
    rows: list[tuple[float, ...]] = []
    for block in in_blocks(inputs):
        answered = await model.choose([Choose(chat.about(text), options) for text in block], Meter())
        rows += [choice.logprobs for choice in answered.answers]
    return rows
