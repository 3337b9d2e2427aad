"""What an answer of the server says: its text, its counts, its rates; and what answers tell of a block together."""

import math
import os
from collections.abc import Sequence
from typing import Any

_NANO = 1e9


def text_of(answer: dict[str, Any]) -> str:
    """Return what was generated, by whichever route it was asked for."""
    message = answer.get("message") or {}
    return str(answer.get("response") or message.get("content") or "")


def counts_of(answer: dict[str, Any]) -> tuple[int, int]:
    """Return how many tokens were read and written; what is zero is left out of the answer."""
    return int(answer.get("prompt_eval_count", 0)), int(answer.get("eval_count", 0))


def rate_of(tokens: int, nanoseconds: int | None) -> float:
    """Return tokens a second."""
    return max(1.0, tokens) * _NANO / max(1, nanoseconds or 0)


def shared_prefix(texts: Sequence[str], tokens: Sequence[int]) -> int:
    """Return about how many tokens the beginning has that all texts share: its part of the characters.

    The server does not tokenise for others; it does keep that beginning from one request to the next.
    """
    asked = [(text, count) for text, count in zip(texts, tokens, strict=True) if count]
    if not asked:
        return 0
    common = len(os.path.commonprefix([text for text, _ in asked]))  # noqa: RUF071 - characters are meant, not folders
    return max(0, min(min(math.floor(count * common / len(text)), count - 1) for text, count in asked))
