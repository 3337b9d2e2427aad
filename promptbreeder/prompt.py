"""Prompt, the genome: everything that decides what the executor reads and how its answer is taken.

A prompt renders to chat messages. Instruction and demonstrations come first and the item last, so that all items of a
block share one prefix in the model's KV cache. The content hash covers every field; two prompts with the same hash
behave the same. What this file does not do: chat templates (a backend's business) and judging answers (metrics).
"""

import hashlib
import json
import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from promptbreeder.text import defuse

MAX_PROMPT_CHARACTERS = 8_000
_PLACEHOLDER = re.compile(r"\{\{\s*input\s*\}\}")


def content_hash(content: object) -> str:
    """Return the SHA-256, hexadecimal, over the canonical JSON of `content`.

    Raises:
        UnicodeEncodeError: if a text in it cannot be encoded.
    """
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


class Message(NamedTuple):
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    content: str


class Decoding(StrEnum):
    """How the answer is taken from the executor.

    free: greedy generation. constrained: the likeliest of the skill's labels. calibrated: the same after the model's
    liking for some labels is taken off (see `promptbreeder.evaluation.calibration`).
    """

    FREE = "free"
    CONSTRAINED = "constrained"
    CALIBRATED = "calibrated"


def strictest(decodings: Iterable[Decoding]) -> Decoding:
    """Return that of some ways of decoding which suits labels best, in whatever order they were given."""
    return max(decodings, key=list(Decoding).index)


class Demonstration(BaseModel):
    """A worked pair that the prompt shows to the executor."""

    model_config = ConfigDict(frozen=True)

    input: str
    output: str


class Format(BaseModel):
    """How a prompt is laid out (small models are sensitive to it: FormatSpread, arXiv 2310.11324)."""

    model_config = ConfigDict(frozen=True)

    place: Literal["system", "user"] = "system"
    """Where the instruction stands: a system turn, or the head of the first user turn."""
    demonstrations: Literal["turns", "inline"] = "turns"
    """Demonstrations as chat turns of their own, or as text after the instruction."""
    input_name: str = ""
    """Field name before the input, for example `Ticket`; empty for none."""
    output_name: str = ""
    """Field name after the input that asks for the answer, for example `Queue`; empty for none."""
    separator: Literal[": ", " = ", " -> ", ":\n"] = ": "
    """Between a field name and its value."""


class Prompt(BaseModel):
    """One candidate prompt. Immutable; compare and store by `content_hash`."""

    model_config = ConfigDict(frozen=True)

    instruction: str = Field(max_length=MAX_PROMPT_CHARACTERS)
    """The task-prompt. `{{input}}` in it marks where the item goes; without it the item is a user turn of its own."""
    second_instruction: str = Field(default="", max_length=MAX_PROMPT_CHARACTERS)
    """PromptBreeder's second task-prompt (section 3): turns the working-out that the first made into the answer."""
    demonstrations: tuple[Demonstration, ...] = ()
    format: Format = Format()
    decoding: Decoding = Decoding.FREE

    @property
    def content_hash(self) -> str:
        """SHA-256, hexadecimal, over the canonical JSON of all fields."""
        return content_hash(self.model_dump(mode="json"))

    def but(self, **changes: object) -> Self:
        """Return a validated copy with `changes` applied."""
        return self.model_validate({**{name: getattr(self, name) for name in type(self).model_fields}, **changes})

    def render(self, item: str) -> tuple[Message, ...]:
        """Return the chat messages that put `item` before the executor; untrusted text is defused."""
        instruction, item = defuse(self.instruction), defuse(item)
        head, marked, tail = _split_template(instruction)
        inline = self.format.demonstrations == "inline" or marked
        shown = self._inline_demonstrations() if inline else ""
        opening = "\n\n".join(part for part in (head.rstrip() if not marked else "", shown) if part)
        messages: list[Message] = []
        if marked:
            # A hand-written template keeps its own layout; demonstrations go above it.
            body = head + item + tail
            return (Message("user", f"{shown}\n\n{body}" if shown else body),)
        if self.format.place == "system":
            messages.append(Message("system", opening))
            opening = ""
        if not inline:
            for shot in self.demonstrations:
                messages.append(Message("user", _under(opening, self._ask(defuse(shot.input)))))
                messages.append(Message("assistant", defuse(shot.output)))
                opening = ""
        messages.append(Message("user", _under(opening, self._ask(item))))
        return tuple(messages)

    def render_second(self, item: str, working: str) -> tuple[Message, ...]:
        """Return the messages of the second call, after the executor wrote `working` for `item`."""
        return (
            *self.render(item),
            Message("assistant", defuse(working)),
            Message("user", defuse(self.second_instruction)),
        )

    def _ask(self, item: str) -> str:
        style = self.format
        asked = f"{style.input_name}{style.separator}{item}" if style.input_name else item
        return f"{asked}\n{style.output_name}{style.separator.rstrip()}" if style.output_name else asked

    def _inline_demonstrations(self) -> str:
        style = self.format
        input_name, output_name = style.input_name or "Input", style.output_name or "Output"
        return "\n\n".join(
            f"{input_name}{style.separator}{defuse(shot.input)}\n{output_name}{style.separator}{defuse(shot.output)}"
            for shot in self.demonstrations
        )


def _split_template(instruction: str) -> tuple[str, bool, str]:
    # Single pass, first placeholder only: text of the item is never expanded again.
    match = _PLACEHOLDER.search(instruction)
    if match is None:
        return instruction, False, ""
    return instruction[: match.start()], True, instruction[match.end() :]


def _under(opening: str, body: str) -> str:
    return f"{opening}\n\n{body}" if opening else body
