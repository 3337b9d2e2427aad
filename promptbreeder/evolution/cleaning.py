"""Takes the packaging off what a writer gave: quotes, list numbers, lead-ins, chatter that follows.

Only what is certainly packaging goes; whether the rest is any good is for `validation` to say.
"""

import re

from promptbreeder.text import scrub, visible

_COURTESY = re.compile(r"^(?:sure|certainly|of course|okay|ok|absolutely)\s*[!,.:]\s*", re.IGNORECASE)
_HERE_IS = re.compile(r"^here(?:['\u2019]s| is| are)\b[^:\n]{0,80}:\s*", re.IGNORECASE)
_FIELD = re.compile(
    r"^(?:the )?(?:new |improved |revised |rewritten |changed )?(?:instruction|prompt|hint|change)s?\s*(?: \d+)?:\s*",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"^(?:\(?\d{1,3}[.):]|[-*•])\s+")
_EMPHASIS = re.compile(r"\*\*|__|`+|^#+\s*")
_QUOTES = "\"'\u201c\u201d\u2018\u2019\u00ab\u00bb"
_NEXT_FIELD = re.compile(r"\n\s*(?:[A-Z][a-z]+(?: [a-z]+)?:|\d{1,3}[.)]\s|[-*•]\s|---)")
_FINISHED = re.compile(r"^.*[.!?](?=\s)", re.DOTALL)


def clean(raw: str) -> str:
    """Return the one text that `raw` offers, on a single line."""
    text = visible(scrub(raw)).strip()
    while (shorter := _unpack(text)) != text:
        text = shorter
    text = text.split("\n\n", 1)[0]
    text = _NEXT_FIELD.split(text, maxsplit=1)[0]
    return _unquote(_whole_sentences(" ".join(_EMPHASIS.sub("", text).split())))


def _unpack(text: str) -> str:
    for pattern in (_COURTESY, _HERE_IS, _LIST_MARK, _FIELD, _EMPHASIS):
        text = pattern.sub("", text, count=1).strip()
    return text


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        return text[1:-1].strip()
    # A quote that is never closed was cut off by the token limit.
    cut_off = text and text[0] in _QUOTES and text.count(text[0]) == 1
    return text[1:].strip() if cut_off else text


def _whole_sentences(text: str) -> str:
    # The token limit cuts the last sentence; drop it where a finished one stands before it.
    if not text or text[-1] in f".!?:){_QUOTES}":
        return text
    finished = _FINISHED.match(text)
    return finished.group(0) if finished else text
