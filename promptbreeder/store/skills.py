"""Skills: the definition as one JSON body, by name."""

from promptbreeder.errors import NotFound
from promptbreeder.skill import Skill
from promptbreeder.store.tables import Tables


def add(db: Tables, skill: Skill, *, now: float) -> None:
    """Store a new skill."""
    db.table("skills").insert({"name": skill.name, "body": skill.model_dump_json(), "created_at": now})


def update(db: Tables, skill: Skill) -> None:
    """Replace the definition of a known skill."""
    db.execute("UPDATE skills SET body = ? WHERE name = ?", [skill.model_dump_json(), skill.name])


def find(db: Tables, name: str) -> Skill | None:
    """Return the skill, or None."""
    for row in db.query("SELECT body FROM skills WHERE name = ?", [name]):
        return Skill.model_validate_json(row["body"])
    return None


def get(db: Tables, name: str) -> Skill:
    """Return the skill.

    Raises:
        NotFound: naming the skills that there are.
    """
    found = find(db, name)
    if found is None:
        known = ", ".join(row["name"] for row in db.query("SELECT name FROM skills ORDER BY name LIMIT 20"))
        there_are = f"there are: {known}" if known else "there are none yet; define one with define_skill"
        raise NotFound(f"no skill named {name[:64]!r}; {there_are}")
    return found


def all_skills(db: Tables) -> tuple[Skill, ...]:
    """Return all skills, by name."""
    return tuple(Skill.model_validate_json(row["body"]) for row in db.query("SELECT body FROM skills ORDER BY name"))
