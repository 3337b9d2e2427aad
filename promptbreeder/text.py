"""Scrubbing of text from outside: the one place that decides which characters may enter.

Lone surrogates kill a JSON-RPC server when they are encoded, NUL ends strings in C and SQLite's shell, and chat-control
tokens would let an example or an evolved prompt forge a turn. What is merely suspicious is not removed here.
"""

import re
import unicodedata

CONTROL_TOKENS = re.compile(r"<\|[A-Za-z0-9_]{1,40}\|>|</?s>|<(?:start|end)_of_turn>")
_KEPT_CONTROLS = "\n\t"


def scrub(text: str) -> str:
    """Return `text` without lone surrogates, NUL and other control characters (newline and tab stay), in NFC."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in text if c in _KEPT_CONTROLS or unicodedata.category(c) not in {"Cs", "Cc"})
    return unicodedata.normalize("NFC", "".join(kept))


def defuse(text: str) -> str:
    """Return scrubbed `text` without chat-control tokens, so that it cannot open or close a turn.

    Repeated until nothing changes: removing one token must not assemble another.
    """
    text = scrub(text)
    while (shorter := CONTROL_TOKENS.sub("", text)) != text:
        text = shorter
    return text


def normalise(text: str) -> str:
    """Return the form under which two inputs count as the same: scrubbed, case-folded, white space collapsed."""
    return " ".join(scrub(text).casefold().split())


def shortened(text: str, length: int = 60) -> str:
    """Return `text` in one line of at most `length` characters, marked where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."
