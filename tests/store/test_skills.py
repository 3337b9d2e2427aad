"""Skills: one definition for each name."""

import sqlite3

import pytest

from promptbreeder.errors import NotFound, StoreError
from promptbreeder.skill import PRESETS, Settings, Skill
from promptbreeder.store import health, skills
from promptbreeder.store.tables import Tables


def test_a_skill_comes_back_as_it_was_given(db: Tables, skill: Skill) -> None:
    """Settings too, which are nested."""
    given = skill.model_copy(update={"settings": Settings(weights=PRESETS["fast"], max_answer_tokens=5)})
    skills.add(db, given, now=0.0)
    assert skills.get(db, skill.name) == skills.find(db, skill.name) == given
    assert skills.all_skills(db) == (given,)


def test_a_name_is_given_once(db: Tables, skill: Skill) -> None:
    """A second definition does not silently replace the first."""
    skills.add(db, skill, now=0.0)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        skills.add(db, skill.model_copy(update={"description": "another"}), now=0.0)
    assert skills.get(db, skill.name) == skill


def test_updating_changes_that_skill_alone(db: Tables, skill: Skill) -> None:
    """And skills are listed by name, whatever the order of their making."""
    other = skill.model_copy(update={"name": "a-first"})
    for each in (skill, other):
        skills.add(db, each, now=0.0)
    changed = skill.model_copy(update={"description": "another"})
    skills.update(db, changed)
    assert skills.all_skills(db) == (other, changed)


def test_a_missing_skill_is_reported_with_those_that_there_are(db: Tables, skill: Skill) -> None:
    """Or with what makes the first one; and a name of any length does not fill the client's screen."""
    assert skills.find(db, "nobody") is None
    with pytest.raises(NotFound, match="define_skill"):
        skills.get(db, "nobody")
    skills.add(db, skill, now=0.0)
    with pytest.raises(NotFound, match="there are: ticket-route") as caught:
        skills.get(db, "x" * 10_000)
    assert len(str(caught.value)) < 200


def test_a_definition_that_cannot_be_read_hides_no_other_skill(db: Tables, skill: Skill) -> None:
    """It is left out of lists, asked for it is said what to do, and the doctor names it."""
    for name in ("a-first", skill.name):
        skills.add(db, skill.model_copy(update={"name": name}), now=0.0)
    db.execute("UPDATE skills SET body = json_set(body, '$.settings.days', null) WHERE name = 'a-first'")
    assert [found.name for found in skills.all_skills(db)] == [skill.name]
    with pytest.raises(StoreError, match=r"'a-first' cannot be read.*doctor --restore FILE"):
        skills.get(db, "a-first")
    assert [check.detail for check in health.checks(db) if check.what == "skills"] == ["unreadable: a-first"]
