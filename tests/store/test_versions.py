"""Versions: numbered within a skill, one for each prompt, and never changed."""

import sqlite3
from collections.abc import Callable

import pytest

from promptbreeder.errors import NotFound
from promptbreeder.prompt import Decoding, Demonstration, Format, Prompt
from promptbreeder.store import events, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Calibration

_SKILL = "ticket-route"


def _add(db: Tables, prompt: Prompt, *, skill: str = _SKILL, calibration: Calibration | None = None) -> int:
    return versions.add(
        db,
        skill,
        prompt,
        origin="evolved",
        parents=(1, 2),
        operator="crossover",
        run_id="r-1",
        calibration=calibration,
        now=7.5,
    )


def test_versions_are_numbered_from_one_within_each_skill(stocked: Tables, stock: Callable[..., None]) -> None:
    """Another skill's versions do not use up numbers."""
    stock(stocked, "other", count=1)
    assert [version.n for version in versions.all_versions(stocked, _SKILL)] == [1, 2, 3, 4]
    assert _add(stocked, Prompt(instruction="new"), skill="other") == 2
    assert _add(stocked, Prompt(instruction="new")) == 5


def test_a_version_comes_back_as_it_was_given(stocked: Tables) -> None:
    """Every part of the prompt and of its origin survives, and the hash is still the prompt's."""
    prompt = Prompt(
        instruction="Sortiere: {{input}} 分类",
        second_instruction="Answer now.",
        demonstrations=(Demonstration(input="Late again", output="delivery"),),
        format=Format(place="user", demonstrations="inline", input_name="Ticket", separator=" -> "),
        decoding=Decoding.CALIBRATED,
    )
    calibration: Calibration = {"fingerprint": "f", "prior": [-1.0986122886681098, -0.1, -2.5]}
    stored = versions.get(stocked, _SKILL, _add(stocked, prompt, calibration=calibration))
    assert stored == versions.Version(
        skill=_SKILL,
        n=5,
        prompt=prompt,
        content_hash=prompt.content_hash,
        origin="evolved",
        parents=(1, 2),
        operator="crossover",
        run_id="r-1",
        calibration=calibration,
        created_at=7.5,
    )


def test_a_prompt_already_stored_keeps_its_number_and_its_origin(stocked: Tables) -> None:
    """Evolution that finds the human's prompt again makes no second version of it."""
    before = versions.all_versions(stocked, _SKILL)
    assert _add(stocked, before[1].prompt.but()) == 2
    assert versions.all_versions(stocked, _SKILL) == before


@pytest.mark.parametrize(
    "statement",
    ["UPDATE versions SET prompt = '{}'", "UPDATE versions SET created_at = 0", "DELETE FROM versions WHERE n = 4"],
)
def test_a_version_cannot_be_changed_or_removed(stocked: Tables, statement: str) -> None:
    """Votes and measurements refer to it for good."""
    with pytest.raises(sqlite3.IntegrityError, match="versions never change"):
        stocked.execute(statement)


def test_a_version_of_an_unknown_skill_is_refused(stocked: Tables) -> None:
    """No version without a skill."""
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        _add(stocked, Prompt(instruction="new"), skill="nobody")


def test_asking_for_a_missing_version_tells_which_there_are(stocked: Tables) -> None:
    """The error is enough to ask again rightly; a wrong skill is told from a wrong number."""
    for number in (0, 5, -1):
        with pytest.raises(NotFound, match="there are 1 to 4"):
            versions.get(stocked, _SKILL, number)
    with pytest.raises(NotFound, match="there are: ticket-route"):
        versions.get(stocked, "nobody", 1)


def test_the_production_version_is_the_one_that_was_moved_there(stocked: Tables) -> None:
    """Not the newest, and not the first."""
    assert versions.production(stocked, _SKILL).n == 1
    events.move_production(
        stocked,
        ts=1.0,
        skill=_SKILL,
        kind="promote",
        to=3,
        expected=1,
        actor="human",
        client="test",
        reason="r",
        data={},
    )
    assert versions.production(stocked, _SKILL).prompt.instruction == "Instruction 3."
    with pytest.raises(NotFound, match="nobody"):
        versions.production(stocked, "nobody")
