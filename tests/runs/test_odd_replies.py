"""Replies that would break what they are written into: a run takes them for what they are, a wrong answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.models.base import Generate
from promptbreeder.models.scripted import ScriptedModel
from promptbreeder.requests import Actor, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio


async def test_half_a_character_in_a_json_reply_fails_no_run(
    tmp_path: Path,
    open_service: Callable[..., Service],
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """Half of an emoji, as an escape: plain ASCII in the reply, and nothing that a journal can hold once decoded."""

    def halved(request: Generate) -> str:
        return r'{"mood": "\ud83d"}' if request.sampling.temperature == 0 else "Name the mood as JSON."

    examples = [{"input": f"Note number {number}", "expected": '{"mood": "glad"}'} for number in range(60)]
    moods = ticket_skill(labels=[], metric="json", prompt="Give the mood as JSON.", examples=examples)
    async with open_service(tmp_path / "moods.db", ScriptedModel(halved)) as service:
        await service.define_skill(moods, actor)
        report = await evolve(service)
    assert (report.status, report.version) == ("finished", None)
