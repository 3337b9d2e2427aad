"""What guards a move of production besides the evidence, whoever makes it."""

from promptbreeder.errors import Conflict
from promptbreeder.skill import Skill
from promptbreeder.store import events, skills
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version


def require_unchanged(db: Tables, skill: Skill, moved: events.Event) -> None:
    """See to it that the skill is still the same, and that production came where it is by the event `moved`.

    Measuring takes minutes: production may have moved away and back meanwhile, or the skill have opted out.

    Raises:
        Conflict: if it is not so.
    """
    last = events.last_move(db, skill.name)
    if last != moved:
        raise Conflict(
            f"production of '{skill.name}' was moved in the meantime, last to version {last.after}; nothing more was "
            "done. Look at its history, then decide anew."
        )
    if skills.get(db, skill.name) != skill:
        raise Conflict(
            f"'{skill.name}' was redefined in the meantime, so what was measured may not be what it asks for now; "
            "nothing was done. Look at its history, then decide anew."
        )


def forbidden(skill: Skill, version: Version) -> str:
    """Return one sentence on a version whose answers are taken in a way that the skill does not allow, or nothing."""
    decoding = version.prompt.decoding
    if decoding in skill.decodings:
        return ""
    return (
        f"Version {version.n} answers by {decoding} decoding, which '{skill.name}' does not allow (allowed_decoding: "
        f"{', '.join(skill.decodings)})."
    )
