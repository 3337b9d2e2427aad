"""The native engine's own promises, on the bundled model."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models import chatml, decoder
from promptbreeder.models.base import Sampling
from promptbreeder.models.embedded import EmbeddedModel
from promptbreeder.prompt import Message

pytestmark = [pytest.mark.native, pytest.mark.parametrize("real", ["native"], indirect=True)]
SKILL = json.loads((Path(__file__).parents[2] / "examples" / "ticket-route.json").read_text(encoding="utf-8"))


@pytest.fixture
def native(real: EmbeddedModel) -> Any:  # noqa: ANN401  the engine
    """Return the engine itself."""
    return real._engine()


def test_turns_are_tokenised_apart_as_together(native: Any) -> None:  # noqa: ANN401
    """Keeping the tokens of turns changes no token."""
    text = chatml.render((Message("system", SKILL["prompt"]), Message("user", " a\n"), Message("assistant", "b ")))
    assert native._decoder._turns_apart
    assert native._decoder.tokens(text) == native._decoder._tokenise(text)


def test_an_option_scores_what_its_tokens_are_worth(native: Any) -> None:  # noqa: ANN401
    """The log-probability of an option is the sum over its tokens, the end of the turn among nested ones."""
    prompt = chatml.render((Message("user", "Which colour has the sky?"),))
    options = ["light", "light blue", "grey"]
    (choice,) = native.choose([prompt], options, lambda: False).answers
    scores = native.likelihood([prompt] * 3, options, lambda: False).answers
    lengths = [len(native._decoder.tokens(option)) + 1 for option in options]
    expected = [score.mean_logprob * length for score, length in zip(scores, lengths, strict=True)]
    assert choice.logprobs == pytest.approx(expected, abs=0.6)


def test_more_options_than_sequences_are_scored(native: Any) -> None:  # noqa: ANN401
    """A hundred and fifty labels of several tokens do not fit into one pass, and score as in a smaller choice."""
    prompt = chatml.render((Message("user", "Which room?"),))
    options = [f"{letter}{number} hall" for letter in "abc" for number in range(50)]
    assert len(options) > decoder.SEQUENCES
    (choice,) = native.choose([prompt], options, lambda: False).answers
    (some,) = native.choose([prompt], options[-3:], lambda: False).answers
    assert all(math.isfinite(value) for value in choice.logprobs)
    assert choice.logprobs[-3:] == pytest.approx(some.logprobs, abs=0.6)


def test_long_options_that_do_not_fit_the_cache_together_are_scored(native: Any) -> None:  # noqa: ANN401
    """Sixty labels of a hundred tokens each have more tokens than there are cells."""
    prompt = chatml.render((Message("user", "Which?"),))
    options = [f"{chr(0x4E00 + number)}{'漢字' * 40}" for number in range(60)]
    assert sum(len(native._decoder.tokens(option)) for option in options) > decoder.CELLS
    (choice,) = native.choose([prompt], options, lambda: False).answers
    assert all(math.isfinite(value) for value in choice.logprobs)


def test_a_block_that_does_not_fit_the_cache_is_cut(native: Any) -> None:  # noqa: ANN401
    """Replies that might need more cells than there are together are written in groups, in order."""
    prompts = [chatml.render((Message("user", f"Say {word}."),)) for word in ("one", "two", "three")]
    room = [Sampling(max_tokens=4_000, stop=(" ",))] * 3
    replies = native.generate(prompts, room, lambda: False).answers
    assert [reply.failure for reply in replies] == [None] * 3


def test_an_answer_ends_where_a_generated_one_does(native: Any) -> None:  # noqa: ANN401
    """The end of a turn is scored by the token with which the model ends its own replies."""
    prompt = chatml.render((Message("user", "Say yes."), Message("assistant", "yes"), Message("user", "Say yes.")))
    (reply,) = native.generate([prompt], [Sampling(max_tokens=8)], lambda: False).answers
    (score,) = native.likelihood([prompt], [reply.text], lambda: False).answers
    assert reply.completion_tokens < 8
    assert score.mean_logprob > -1.5
