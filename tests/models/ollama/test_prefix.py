"""How many tokens the beginning has that the texts of a block share, as the server does not tell it."""

from collections.abc import Sequence

import pytest

from promptbreeder.models import chatml
from promptbreeder.models.ollama.answers import shared_prefix
from promptbreeder.prompt import Message
from promptbreeder.text import CONTROL_TOKENS

SPARSE, DENSE = (
    "Which queue does this ticket belong to? ",
    "\uc774 \uba54\uc2dc\uc9c0\ub294 \uc5b4\ub290 \ubd80\uc11c\ub85c? ",
)


def tokens_of(text: str) -> int:
    """Count as byte-level tokenizers do, about: a mark is one, four ASCII letters are, a byte of Korean is one."""
    rest = CONTROL_TOKENS.sub("", text)
    plain = sum(character.isascii() for character in rest)
    return len(CONTROL_TOKENS.findall(text)) + -(-plain // 4) + len(rest.encode()) - plain


@pytest.mark.parametrize(
    ("instruction", "item", "lengths"),
    [
        pytest.param(SPARSE * 6, SPARSE, range(1, 17), id="English"),
        pytest.param(DENSE * 6, SPARSE, range(1, 17), id="Korean instruction"),
        pytest.param(SPARSE * 6, DENSE, range(1, 17), id="Korean items"),
        pytest.param(DENSE * 6, DENSE, range(1, 17), id="Korean"),
        pytest.param(DENSE * 6, SPARSE, [1] * 16, id="Korean instruction, items of one length"),
    ],
)
def test_the_prefix_is_found_whatever_the_script(instruction: str, item: str, lengths: Sequence[int]) -> None:
    """So that a block is charged what reading it takes or somewhat more, never much less."""
    asked = [(Message("system", instruction), Message("user", chr(97 + i) + item * n)) for i, n in enumerate(lengths)]
    texts = [chatml.render(messages) for messages in asked]
    counts = [tokens_of(text) for text in texts]
    common = tokens_of(texts[0][: texts[0].index("user\n") + 5])
    found = shared_prefix(texts, counts)
    real, charged = (prefix + sum(count - prefix for count in counts) for prefix in (common, found))
    assert 0.95 * real <= charged <= 2 * real


@pytest.mark.parametrize(("texts", "counts", "prefix"), [([], [], 0), (["a b"], [0], 0), (["a", "a"], [1, 1], 0)])
def test_there_may_be_no_prefix(texts: list[str], counts: list[int], prefix: int) -> None:
    """Of nothing, of what failed, and of what is only one token: the last one is always read anew."""
    assert shared_prefix(texts, counts) == prefix
