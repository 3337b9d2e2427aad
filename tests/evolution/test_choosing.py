"""Strategies by name, with their profiles and the numbers that replace a profile's."""

from importlib.util import find_spec
from random import Random

import pytest

from promptbreeder.errors import InvalidInput
from promptbreeder.evolution.asks import Task
from promptbreeder.evolution.auto_profiles import AutoProfile
from promptbreeder.evolution.profiles import Profile
from promptbreeder.evolution.strategies import STRATEGIES, choose

NAMES = ("auto", "promptbreeder", "evoprompt-ga", "evoprompt-de", "opro", "edits", "mipro")
NEEDS_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")


@pytest.mark.parametrize("name", [*NAMES[:-1], pytest.param("mipro", marks=NEEDS_OPTUNA)])
def test_every_strategy_has_a_small_profile_by_default_and_a_paper_has_others(name: str, task: Task) -> None:
    """All begin with an ask."""
    assert choose(name, None, generations=None, population=None).profile_name == "smollm2"
    assert name == "auto" or len(STRATEGIES[name].profiles) > 1
    for profile in STRATEGIES[name].profiles:
        chosen = choose(name, profile, generations=3, population=None)
        assert chosen.profile.generations == 3
        assert chosen.room == chosen.profile.room >= 5
        next(chosen.begin(task, Random(1)))


def test_auto_comes_first() -> None:
    """The default needs no decision."""
    assert tuple(STRATEGIES) == NAMES


@pytest.mark.parametrize("name", ["auto", "promptbreeder"])
def test_a_smaller_population_has_no_more_survivors(name: str) -> None:
    """The two numbers go together."""
    profile = choose(name, None, generations=None, population=4).profile
    assert isinstance(profile, Profile | AutoProfile)
    assert (profile.population, profile.survivors) == (4, 4)


def test_a_population_gives_room_for_as_many_prompts() -> None:
    """What is given beyond that waits for the next generation."""
    for name in NAMES[:4]:
        assert choose(name, None, generations=None, population=7).room == 7


def test_numbers_without_a_meaning_are_refused() -> None:
    """With what to do instead."""
    with pytest.raises(InvalidInput, match=r"opro has no population.*leave population out"):
        choose("opro", None, generations=None, population=5)
    with pytest.raises(InvalidInput, match="at least 3, not 2"):
        choose("evoprompt-de", None, generations=None, population=2)
    assert choose("evoprompt-ga", None, generations=None, population=2).room == 2


def test_mistakes_list_the_choices() -> None:
    """A typing error says what exists."""
    with pytest.raises(InvalidInput, match=", ".join(NAMES)):
        choose("promtbreeder", None, generations=None, population=None)
    with pytest.raises(
        InvalidInput, match="promptbreeder has no profile 'papre'; take one of smollm2, paper, paper-small"
    ):
        choose("promptbreeder", "papre", generations=None, population=None)
    with pytest.raises(InvalidInput, match=r"opro has no profile 'paper-small'; take one of smollm2, paper$"):
        choose("opro", "paper-small", generations=None, population=None)
