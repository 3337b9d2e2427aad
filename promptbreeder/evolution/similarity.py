"""How alike two texts are: cosine of character 3-gram counts.

Stands in for the BERT embeddings with which the paper keeps near-duplicates out of its lists (section 3.2.2); on texts
as short as task-prompts it separates rewordings from copies well enough, and it needs no second model.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from promptbreeder.text import normalise

NEAR = 0.95
"""From here on two texts count as the same (the paper's threshold)."""
_N = 3
_WORD = re.compile(r"\w+")


def similarity(left: str, right: str) -> float:
    """Return 0-1; 1 for texts that differ in case, punctuation and white space only."""
    left, right = _words(left), _words(right)
    if left == right:
        return 1.0
    one, other = _grams(left), _grams(right)
    shared = sum(count * other[gram] for gram, count in one.items())
    return shared / (_length(one) * _length(other))


def is_near(text: str, others: Iterable[str]) -> bool:
    """Tell whether `text` is a near-duplicate of one of `others`."""
    return any(similarity(text, other) >= NEAR for other in others)


def distinct(texts: Sequence[str]) -> tuple[str, ...]:
    """Return `texts` in order without empty ones and without near-duplicates of earlier ones."""
    kept: list[str] = []
    for text in texts:
        if text.strip() and not is_near(text, kept):
            kept.append(text)
    return tuple(kept)


@lru_cache(maxsize=1024)
def _words(text: str) -> str:
    return " ".join(_WORD.findall(normalise(text)))


@lru_cache(maxsize=1024)
def _grams(text: str) -> Counter[str]:
    padded = f" {text} ".rjust(_N)
    return Counter(padded[start : start + _N] for start in range(len(padded) - _N + 1))


def _length(grams: Counter[str]) -> float:
    return math.sqrt(sum(count * count for count in grams.values()))
