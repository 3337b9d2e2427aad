"""Keys in examples, in logs and in what is taken away. Logs of a real process: tests/server/test_hostile_process.py."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from promptbreeder.likely_keys import MASK, holds_key, masked
from promptbreeder.prompt import Demonstration, Prompt
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
# Put together here, so that nobody takes this file for a leak.
KEYS = (
    "sk-" + "A1b2" * 6,
    "sk-ant-api03-" + "A1b2" * 8,
    "sk_live_" + "A1b2" * 6,
    "AKIA" + "ABCDEFGH12345678",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 5,
    "hf_" + "aBcD" * 9,
    "xoxb-" + "123456789-abcdef",
    "AIza" + "a1B2c3D" * 5,
    "eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".SflKxwRJSM",
    "npm_" + "a1B2" * 9,
    "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEabc+/=\n-----END RSA PRIVATE KEY-----",
)
CANARY = KEYS[0]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_known_by_its_form_and_left_out_whole(key: str) -> None:
    """Wherever in a text it stands."""
    assert holds_key(f"my key is {key}.")
    assert masked(f"my key is {key} .") == f"my key is {MASK} ."
    assert masked(f'{{"key":"{key}"}}') == f'{{"key":"{MASK}"}}'


@pytest.mark.parametrize(
    "text",
    ["task-force-of-the-ministry", "sk-8 skates", "a" * 64, "desk-lamp-with-a-very-long-cable-1234", "AKIA", "hf_"],
)
def test_what_is_no_key_is_left_alone(text: str) -> None:
    """Hashes and hyphenated words among it."""
    assert masked(text) == text


async def test_likely_keys_in_examples_are_warned_of(
    service: Service, actor: Actor, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """With their number, what that means and what to do, but not with the key."""
    examples = [{"input": f"{CANARY} {number}", "expected": "billing"} for number in range(3)]
    report = await service.define_skill(ticket_skill(examples=examples), actor)
    (warning,) = [warning for warning in report.warnings if "key or token: 3" in warning]
    assert "export --redact" in warning
    assert CANARY not in str(report)


def test_an_export_can_leave_them_out_and_is_a_bundle_all_the_same(
    terminal: Callable[..., Result], tmp_path: Path
) -> None:
    """Out of examples, prompts and demonstrations; what is left verifies and comes back."""
    rows = tmp_path / "rows.jsonl"
    given = [{"input": f"{CANARY} no {number}", "expected": f"{KEYS[4]} {number}"} for number in range(9)]
    rows.write_text("\n".join(map(json.dumps, given)), encoding="utf-8")
    home = ("--home", tmp_path / "one")
    made = terminal(*home, "import", rows, "--skill", "leaky", "--prompt", f"Use {KEYS[3]}", "--yes", "--no-labels")
    assert made.exit_code == 0, made.output
    whole, redacted = (terminal(*home, "export", "leaky", *more) for more in ((), ("--redact",)))
    assert CANARY in whole.stdout
    for key in KEYS:
        assert key not in redacted.stdout
    file = tmp_path / "bundle.json"
    file.write_text(redacted.stdout, encoding="utf-8")
    back = terminal("--home", tmp_path / "two", "import", file)
    assert back.exit_code == 0, back.output
    assert json.loads(redacted.stdout)["examples"][0]["input"].startswith(MASK)
    assert terminal("--home", tmp_path / "two", "doctor").exit_code == 0


def test_versions_that_differ_in_a_key_alone_are_not_exported_without_it(
    terminal: Callable[..., Result], tmp_path: Path
) -> None:
    """What came out would be refused where it is imported; it is said before."""
    for name, key in (("a", KEYS[3]), ("b", KEYS[4])):
        (tmp_path / name).write_text(f"Use {key}", encoding="utf-8")
    variants = ("--variant-a", tmp_path / "a", "--variant-b", tmp_path / "b")
    made = terminal("create", "leaky", *variants)
    assert made.exit_code == 0, made.output
    refused = terminal("export", "leaky", "--redact")
    assert refused.exit_code != 0
    assert "versions 1 and 2 differ in nothing but what looks like a key" in refused.stderr
    assert KEYS[3] not in refused.output


async def test_planted_keys_are_in_no_log(
    service: Service, actor: Actor, caplog: pytest.LogCaptureFixture, ticket_skill: Callable[..., SkillDefinition]
) -> None:
    """Not even at the level at which everything is said: bodies are stored, never logged."""
    caplog.set_level(logging.DEBUG)
    examples = [{"input": f"{CANARY} parcel {number}", "expected": "delivery"} for number in range(40)]
    await service.define_skill(
        ticket_skill(name="leaky", description=CANARY, prompt=CANARY, variant=f"{CANARY}!", examples=examples), actor
    )
    duel = await service.compare("leaky", text=CANARY, b=2)
    await service.vote(duel.duel_id, "A", actor, CANARY)
    answered = await service.run_skill("leaky", CANARY)
    await service.record_outcome(answered.call_id, actor, correct=False, note=CANARY)
    await service.promote("leaky", 2, CANARY, actor, force=True)
    await service.evolve(EvolveRequest(skill="leaky", generations=1, budget_tokens=8_000), actor, wait_seconds=60)
    for call in (
        lambda: service.run_skill("leaky", CANARY * 9_000),
        lambda: service.prompt(CANARY),
        lambda: service.vote(CANARY, "A", actor),
    ):
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever: it is about what was logged
            await call()
    assert CANARY not in caplog.text


def test_a_prompt_that_shows_keys_is_left_without_them() -> None:
    """In texts of every form that a version is taken away in."""
    prompt = Prompt(instruction=CANARY, demonstrations=(Demonstration(input=CANARY, output=KEYS[5]),))
    assert not any(key in masked(prompt.model_dump_json()) for key in KEYS)


@pytest.fixture
def exported(terminal: Callable[..., Result]) -> Any:  # noqa: ANN401
    """Return what the ticket skill is exported as."""
    return json.loads(terminal("export", "tickets").stdout)


def test_redacting_what_holds_no_key_changes_nothing(terminal: Callable[..., Result], exported: Any) -> None:  # noqa: ANN401
    """Not even a hash."""
    assert json.loads(terminal("export", "tickets", "--redact").stdout) == exported
