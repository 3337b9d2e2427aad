"""Drawing tokens from logits, and what tokens are worth."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.models.base import Sampling
from promptbreeder.models.sampler import Sampler, logprobs_of

LOGITS = np.array([0.5, 2.0, -1.0, 1.5, 0.0], dtype=np.float32)


def draws(count: int = 200, **options: Any) -> list[int]:  # noqa: ANN401  as Sampling
    """Return what one sampler draws from the same logits again and again."""
    sampler = Sampler(Sampling(max_tokens=1, **options))
    return [sampler.draw(LOGITS) for _ in range(count)]


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "top_k": 1}, {"temperature": 1.0, "top_p": 0.0}])
def test_the_likeliest_token_is_drawn_where_nothing_else_may_be(options: dict[str, Any]) -> None:
    """Temperature 0, a top-k of 1 and a top-p of 0 are greedy."""
    assert set(draws(**options)) == {1}


def test_top_k_leaves_the_likeliest() -> None:
    """With a top-k of 2 only the two likeliest are ever drawn, and both are."""
    assert set(draws(temperature=2.0, top_k=2)) == {1, 3}


def test_top_p_leaves_the_fewest_tokens_that_reach_it() -> None:
    """The two likeliest together have a probability of 0.77."""
    assert set(draws(temperature=1.0, top_p=0.7)) == {1, 3}


def test_everything_may_be_drawn_at_a_high_temperature() -> None:
    """Without limits no token is out of reach."""
    assert set(draws(temperature=5.0)) == set(range(5))


@given(st.integers(-(2**63), 2**64))
def test_a_seed_decides_the_draws(seed: int) -> None:
    """Any whole number is a seed, and the same one gives the same stream."""
    assert draws(20, temperature=1.0, seed=seed) == draws(20, temperature=1.0, seed=seed)


def test_draws_follow_the_probabilities() -> None:
    """Over many draws each token comes up as often as it should."""
    expected = np.exp(logprobs_of(LOGITS, np.arange(5)))
    found = np.bincount(draws(4_000, temperature=1.0), minlength=5) / 4_000
    assert found == pytest.approx(expected, abs=0.03)


@given(st.lists(st.floats(-40, 40, width=32), min_size=1, max_size=300))
def test_log_probabilities_are_those_of_exact_arithmetic(values: list[float]) -> None:
    """Single precision loses nothing that matters."""
    logits = np.array(values, dtype=np.float32)
    exact = logits.astype(np.float64)
    exact -= exact.max() + np.log(np.exp(exact - exact.max()).sum())
    assert logprobs_of(logits, np.arange(logits.size)) == pytest.approx(exact.tolist(), abs=1e-5)


def test_log_probabilities_of_a_vocabulary_are_exact_enough() -> None:
    """Also where fifty thousand small numbers are added up."""
    logits = np.random.default_rng(1).normal(0, 3, 49_152).astype(np.float32)
    exact = logits.astype(np.float64) - np.log(np.exp(logits.astype(np.float64)).sum())
    assert logprobs_of(logits, np.arange(10)) == pytest.approx(exact[:10].tolist(), abs=1e-5)
