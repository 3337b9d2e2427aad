"""Skills: the definition as one JSON body, by name."""

from collections.abc import Iterator

from promptbreeder.errors import NotFound, StoreError
from promptbreeder.skill import Skill
from promptbreeder.store.tables import Tables


def add(db: Tables, skill: Skill, *, now: float) -> None:
    """Store a new skill."""
    db.table("skills").insert({"name": skill.name, "body": skill.model_dump_json(), "created_at": now})


def update(db: Tables, skill: Skill) -> None:
    """Replace the definition of a known skill."""
    db.execute("UPDATE skills SET body = ? WHERE name = ?", [skill.model_dump_json(), skill.name])


def find(db: Tables, name: str) -> Skill | None:
    """Return the skill, or None.

    Raises:
        StoreError: if it is there and is not what a skill can be.
    """
    for row in db.query("SELECT body FROM skills WHERE name = ?", [name]):
        try:
            return Skill.model_validate_json(row["body"])
        except ValueError as error:
            raise StoreError(
                f"the definition of skill {name!r} cannot be read: another program or another version of this one "
                "wrote it. `promptbreeder-mcp doctor --restore FILE` puts a backup in the place of the database."
            ) from error
    return None


def get(db: Tables, name: str) -> Skill:
    """Return the skill.

    Raises:
        NotFound: naming the skills that there are.
    """
    found = find(db, name)
    if found is None:
        known = ", ".join(row["name"] for row in db.query("SELECT name FROM skills ORDER BY name LIMIT 20"))
        there_are = (
            f"there are: {known}"
            if known
            else "there are none yet; define one with define_skill or `promptbreeder-mcp create`"
        )
        raise NotFound(f"no skill named {name[:64]!r}; {there_are}")
    return found


def all_skills(db: Tables) -> tuple[Skill, ...]:
    """Return all skills that can be read, by name: one that cannot must not keep the others from being seen."""
    return tuple(skill for _, skill in _by_name(db) if skill is not None)


def unreadable_skills(db: Tables) -> tuple[str, ...]:
    """Return the names of skills whose definition cannot be read."""
    return tuple(name for name, skill in _by_name(db) if skill is None)


def _by_name(db: Tables) -> Iterator[tuple[str, Skill | None]]:
    for row in db.query("SELECT name, body FROM skills ORDER BY name"):
        try:
            yield row["name"], Skill.model_validate_json(row["body"])
        except ValueError:
            yield row["name"], None
