"""Scrubbing of text from outside: the one place that decides which characters may enter.

Lone surrogates kill a JSON-RPC server when they are encoded, NUL ends strings in C and SQLite's shell, and chat-control
tokens would let an example or an evolved prompt forge a turn. What is merely suspicious is not removed here.
"""

import re
import unicodedata

CONTROL_TOKENS = re.compile(r"<\|[A-Za-z0-9_]{1,40}\|>|</?s>|<(?:start|end)_of_turn>")
_REFUSED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Unicode's categories Cc, without newline and tab, and Cs: both are fixed for ever."""
_IGNORABLE = (
    *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0xFE00, 0xFE10),
    *range(0xE0000, 0xE1000),
)
"""Invisible by Unicode's Default_Ignorable_Code_Point, and the empty Braille cell, beside all of categories C and Z."""
_INVISIBLE = frozenset(map(chr, _IGNORABLE))
_HIDING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def scrub(text: str) -> str:
    """Return `text` without lone surrogates, NUL and other control characters (newline and tab stay), in NFC."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _REFUSED.sub("", text))


def defuse(text: str) -> str:
    """Return scrubbed `text` without chat-control tokens, so that it cannot open or close a turn.

    Repeated until nothing changes: removing one token must not assemble another.
    """
    text = scrub(text)
    while (shorter := CONTROL_TOKENS.sub("", text)) != text:
        text = shorter
    return text


def is_invisible(character: str) -> bool:
    """Tell whether a character cannot be seen, or turns what is seen around; white space can be seen."""
    if character in "\n\t":
        return False
    return character in _INVISIBLE or unicodedata.category(character) in _HIDING


def visible(text: str) -> str:
    """Return `text` without the characters that cannot be seen; what only breaks lines becomes a line break."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(character for character in text if not is_invisible(character))


def normalise(text: str) -> str:
    """Return the form under which two answers count as the same: scrubbed, case-folded, white space collapsed."""
    return " ".join(scrub(text).casefold().split())


def as_seen(text: str) -> str:
    """Return the form under which two inputs count as the same: normalised, without what cannot be seen.

    What Unicode has not assigned yet stays: it may be seen one day, and the form must be the same on every Python.
    """
    if text.isascii():
        return normalise(text)
    # What is left may come together only now, as a letter and its accent do: `normalise` composes it.
    return normalise("".join(character for character in text if not _is_ignored(character)))


def _is_ignored(character: str) -> bool:
    return character in _INVISIBLE or unicodedata.category(character) == "Cf"


def shortened(text: str, length: int = 60) -> str:
    """Return `text` in one line of at most `length` characters, marked where it was cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 3]}..."
