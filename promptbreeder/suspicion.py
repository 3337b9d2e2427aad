"""Suspicion: what in a prompt could be meant for an assistant that reads it and not for the model that executes it.

A flag is no verdict: an honest prompt may name an address. So nothing is refused or changed here; who promotes is told,
and has to insist. Flags follow from the prompt alone and are worked out whenever they are needed: none is lost on the
way through an export, and versions from before a pattern was known get theirs, too.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from promptbreeder.prompt import Prompt
from promptbreeder.text import CONTROL_TOKENS, is_invisible, shortened, visible

_SHOWN = 40
"""Characters of what was found."""
_TOLD = 5
"""Flags that one sentence lists at most."""
_TOOLS = (
    "define[_-]?skill|evolve[_-]?prompt|get[_-]?(?:run|fitness|prompt)|cancel[_-]?run|run[_-]?skill|"
    "compare[_-]?prompts|record[_-]?(?:vote|outcome)"
)
_CALL = r"\b(?:call|use|using|invoke|run|execute|trigger)\s+(?:the\s+)?"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "an address",
        re.compile(
            r"\b[a-z][a-z0-9+.-]{1,15}:\s?//\s?\S+|\bwww\.\S+|\b(?:javascript|mailto):\S+|\bdata:[a-z]+/\S+|"
            r"\b[\w-]{1,60}\.(?:com|net|org|io|dev|app|info|biz|xyz|ru|cn|tk|top|site|online|example)\b(?:[/:?]\S*)?|"
            r"\b\d{1,3}(?:\.\d{1,3}){3}\b\S*"
        ),
    ),
    (
        "an order to disregard other orders",
        re.compile(
            r"\b(?:ignor|disregard|forget|overrid|bypass|vergiss|vergesst|missacht|oubli|olvid|dimentic|esque[cç])\w*\b"
            r"[^.!?]{0,60}?\b(?:instru|prompt|rule|regel|anweisung|direction|directive|guideline|consigne|above|"
            r"previous|prior\b|earlier|preceding|safety|polic)\w*"
        ),
    ),
    (
        "words to the assistant",
        re.compile(
            r"\byou are now\b|\b(?:new|updated|real) (?:system )?instructions?\b|"
            r"\b(?:system|developer) (?:prompt|message)|"
            r"\b(?:developer|god|dan) mode\b|\bjailbreak|\bdo anything now\b|"
            r"\b(?:reveal|print|output|repeat|show|leak|send)\b[^.!?]{0,30}\b(?:secrets?|api key|password|"
            r"(?:your|all|system|hidden|initial|above|previous)\s+(?:\w+\s+){0,2}(?:prompt|instructions))\b|"
            r"\b(?:do not|don't|never) (?:tell|inform|alert|ask) the (?:user|human)|"
            r"\bwithout (?:telling|asking|informing) the (?:user|human)"
        ),
    ),
    (
        "a tool",
        re.compile(
            rf"\b(?:{_TOOLS})\b|\b(?:promote|rollback)\s*\(|{_CALL}(?:tool\s+)?[`'\"]?(?:promote|rollback)\b|"
            rf"{_CALL}(?:\w+\s+){{0,3}}(?:tool|mcp|shell|terminal)s?\b|\btools/call\b|"
            r"\b(?:tool_use|tool_call|function_call)\b"
        ),
    ),
    (
        "a command",
        re.compile(r"\b(?:curl|wget|sudo|powershell)\s+\S|\brm\s+-[rf]|\bos\.system\b|\bsubprocess\b|\beval\("),
    ),
    (
        "markup that a client may act on",
        re.compile(
            r"<\s*/?\s*(?:script|iframe|img|svg|style|link|object|meta|system|assistant|tool)\b|\[[^\]]{0,200}\]\s?\("
        ),
    ),
    (
        "control tokens of a chat",
        re.compile(rf"{CONTROL_TOKENS.pattern}|\[/?inst\]|<</?sys>>|#{{2,}}\s*system\b"),
    ),
    (
        "a terminal's control codes",
        re.compile(r"(?:\\x1b|\\033|\\u001b|\\e)\[|\[\d{1,3}(?:;\d{1,3}){0,4}[mjkh]"),
    ),
)
_COMMON_IN_INPUTS = frozenset({"an address", "a command", "markup that a client may act on", "encoded text"})
"""What the user's own texts may well hold: in the input of a demonstration it is no reason to ask for force."""
_ENCODED = re.compile(r"[A-Za-z0-9+/=]{40,}")
_SYMBOL = "[\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff\ufe0f]"
_OF_EMOJI = re.compile(rf"(?<={_SYMBOL})(?:\ufe0f|\u200d(?={_SYMBOL}))")
"""What cannot be seen by itself, but is a part of a picture that can."""
_WORD = re.compile(r"[^\W\d_]+")


class Flag(NamedTuple):
    """One thing that is suspicious about a prompt."""

    place: str
    what: str
    found: str
    """The text, shortened; code points where it cannot be seen."""

    def __str__(self) -> str:
        return f"{self.place}: {self.what} ({self.found})"


def flags_of(prompt: Prompt) -> tuple[Flag, ...]:
    """Return what is suspicious in all that a prompt shows: at most one flag of each kind for each text."""
    written = [Flag(place, what, found) for place, text in _written(prompt) for what, found in _found(text)]
    shown = [Flag(place, what, found) for place, text in _shown(prompt) for what, found in _found(text)]
    return (*written, *(flag for flag in shown if flag.what not in _COMMON_IN_INPUTS))


def told(flags: Iterable[Flag]) -> str:
    """Return flags in one line, empty without any."""
    shown = [str(flag) for flag in flags]
    more = f"; and {len(shown) - _TOLD} more" if len(shown) > _TOLD else ""
    return f"Flagged: {'; '.join(shown[:_TOLD])}{more}." if shown else ""


def _written(prompt: Prompt) -> Iterator[tuple[str, str]]:
    yield "instruction", prompt.instruction
    yield "second instruction", prompt.second_instruction
    for number, shot in enumerate(prompt.demonstrations, 1):
        yield f"answer of demonstration {number}", shot.output
    yield "field names", f"{prompt.format.input_name}\n{prompt.format.output_name}"


def _shown(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """Inputs of demonstrations: the user's examples, word for word."""
    for number, shot in enumerate(prompt.demonstrations, 1):
        yield f"input of demonstration {number}", shot.input


def _found(text: str) -> Iterator[tuple[str, str]]:
    text = _OF_EMOJI.sub("", text)
    hidden = dict.fromkeys(character for character in text if is_invisible(character))
    if hidden:
        yield "hidden characters", shortened(" ".join(f"U+{ord(character):04X}" for character in hidden), _SHOWN)
    # As a reader takes it: compatibility forms, case, line breaks and what is hidden between letters change nothing.
    # The micro sign is no Greek letter here, as in "50 \u00b5m".
    whole = " ".join(unicodedata.normalize("NFKC", visible(text).replace("\u00b5", "u")).split())
    plain = whole.casefold()
    for what, pattern in _PATTERNS:
        if match := pattern.search(plain):
            yield what, shortened(match.group(), _SHOWN)
    encoded = next((run for run in _ENCODED.findall(whole) if any(map(str.isdigit, run))), None)
    if encoded is not None:
        yield "encoded text", shortened(encoded, _SHOWN)
    mixed = next((word for word in _WORD.findall(whole) if _mixes_scripts(word)), None)
    if mixed is not None:
        yield "letters of several scripts in one word", shortened(mixed, _SHOWN)


def _mixes_scripts(word: str) -> bool:
    """Tell whether a word has Latin letters and ones that look like them."""
    if word.isascii():
        return False
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in word}
    return "LATIN" in scripts and not scripts.isdisjoint({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
