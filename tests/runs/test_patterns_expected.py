"""A skill with the metric `regex`: what its examples expect judges answers, and is shown to nobody as one."""

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.base import Generate
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
NEEDS_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="Optuna is not installed")
PATTERN = r"\b2020-0?5-0?3\b"


def _dated(request: Generate) -> str:
    """Answer every other input rightly; as a writer, say something of the task."""
    if request.sampling.temperature > 0:
        return f"Read the note and give its date in digits, as number {request.sampling.seed} would."
    number = re.findall(r"Note (\d+):", str(request.messages))[-1]
    return "2020-05-03" if int(number) % 2 else "I cannot say."


@pytest.fixture
def dates(ticket_skill: Callable[..., SkillDefinition]) -> SkillDefinition:
    """Return a skill whose answers are searched for a pattern."""
    examples = [{"input": f"Note {number}: the third of May 2020", "expected": PATTERN} for number in range(90)]
    return ticket_skill(labels=[], metric="regex", description="Give the date.", prompt="When?", examples=examples)


@pytest.mark.parametrize(
    ("strategy", "profile"),
    [
        *((name, "smollm2") for name in ("auto", "promptbreeder", "evoprompt-ga", "evoprompt-de", "opro", "edits")),
        *((name, "paper") for name in ("promptbreeder", "opro")),
        *(pytest.param("mipro", profile, marks=NEEDS_OPTUNA) for profile in ("smollm2", "paper")),
    ],
)
async def test_no_pattern_is_shown_to_the_executor_or_the_writer(  # noqa: PLR0917  fixtures
    strategy: str,
    profile: str,
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    dates: SkillDefinition,
    actor: Actor,
) -> None:
    """Neither as a demonstration nor as an exemplar, and nothing is said of its length or form.

    Catches demonstrations that teach a small model to answer with regular expressions.
    """
    asked = ScriptedModel(_dated)
    async with open_service(tmp_path / "dates.db", asked) as service:
        await service.define_skill(dates, actor)
        report = await evolve(
            service, strategy=strategy, profile=profile, population=None, generations=8, budget_tokens=150_000
        )
    assert report.status == "finished"
    texts = [str(getattr(request, "messages", "")) for request in asked.requests]
    assert texts
    assert [text for text in texts if "2020-0?5" in text] == []
    assert [text for text in texts if "characters" in text or "no spaces" in text or "joined by hyphens" in text] == []


async def test_a_headroom_check_shows_no_pattern(
    tmp_path: Path, open_service: Callable[..., Service], dates: SkillDefinition, actor: Actor
) -> None:
    """Its cheap variants are those of a search."""
    asked = ScriptedModel(_dated)
    async with open_service(tmp_path / "dates.db", asked) as service:
        await service.define_skill(dates, actor)
        await service.headroom("tickets")
    assert [request for request in asked.requests if "2020-0?5" in str(getattr(request, "messages", ""))] == []
