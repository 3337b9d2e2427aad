"""`models` and `pull`, in this process."""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

NOWHERE = {"OLLAMA_HOST": "127.0.0.1:1"}
"""Nothing listens there."""


def test_models_without_any_says_how_to_get_one(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an Ollama and without an engine the scripted model is left."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    shown = run("models", env=NOWHERE).stdout
    assert shown.startswith("scripted: no model")
    assert "pull embedded" in shown


def test_models_measures_the_one_that_is_named(told: Callable[..., Any]) -> None:
    """Its speed and its fingerprint are told."""
    (line,) = told("models", "scripted", env=NOWHERE)
    assert line["model"] == "scripted"
    assert line["reads"] > 0
    assert line["fingerprint"]


def test_models_refuses_what_is_no_model(run: Callable[..., Result]) -> None:
    """The error says what there is."""
    assert "is not a model; use auto" in run("models", "gpt", code=1).stderr


@pytest.mark.parametrize("arguments", [("pull",), ("pull", "embedded", "--bundled")])
def test_pull_needs_a_model_or_bundled(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    """One of them, not both, not none."""
    assert "Give a model, for example ollama:smollm2:360m" in run(*arguments, code=2).stderr


def test_pull_without_an_ollama_says_how_to_start_it(run: Callable[..., Result]) -> None:
    """Nothing was got, and the command fails."""
    for arguments in (("pull", "ollama:smollm2:360m"), ("pull", "--bundled")):
        assert "no Ollama answers" in run(*arguments, code=1, env=NOWHERE).stderr
