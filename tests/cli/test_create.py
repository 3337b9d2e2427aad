"""`create`: a skill from a prompt or from two variants, and what to do with it next."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture
def variants(tmp_path: Path) -> tuple[object, ...]:
    """Return the flags that name two variants in files."""
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + "Grüße den Kunden.\r\n".encode())
    (tmp_path / "b.txt").write_text("Greet the customer\nby name.\n", encoding="utf-8")
    return "--variant-a", tmp_path / "a.txt", "--variant-b", tmp_path / "b.txt"


def test_a_prompt_becomes_version_1_in_production(run: Run, told: Told) -> None:
    """Without examples; the next command adds some."""
    said = run("create", "greet", "--prompt", "Greet.", "--labels", "hi, ho", "--description", "Greets people.").stdout
    assert "Skill 'greet' created on scripted: version 1 (production: 1); prompt://greet/versions/1" in said
    assert said.endswith("Next:\n  promptbreeder-mcp import examples.csv --skill greet\n")
    exported = json.loads(run("export", "greet").stdout)
    assert (exported["labels"], exported["metric"]) == (["hi", "ho"], "label")
    assert exported["description"] == "Greets people."
    assert told("create", "plain", "--prompt", "Do it.", "--metric", "f1")["outcome"] == "created"
    assert json.loads(run("export", "plain").stdout)["description"] == "Do it."


def test_two_variants_are_versions_1_and_2_to_be_judged_by_votes(
    run: Run, told: Told, variants: tuple[object, ...]
) -> None:
    """Read as UTF-8 whatever the editor; their numbers, URIs and the next commands, for any shell, are said."""
    said = run("create", "greet", *variants).stdout
    assert "versions 1 and 2 (production: 1); prompt://greet/versions/1, prompt://greet/versions/2" in said
    for command in (
        'vote greet --b 2 --input "an input"',
        "fitness greet --version 2",
        'promote greet 2 --reason "better"',
        "run greet",
        'rollback greet --reason "changed my mind"',
    ):
        assert f"  promptbreeder-mcp {command}\n" in said
    exported = json.loads(run("export", "greet").stdout)
    assert exported["metric"] == "preference"
    assert [version["prompt"]["instruction"] for version in exported["versions"]] == [
        "Grüße den Kunden.",
        "Greet the customer\nby name.",
    ]
    assert {version["origin"] for version in exported["versions"]} == {"human"}
    assert told("fitness", "greet", "--version", 2)["version"]["verdict"].startswith("Judged by votes alone. More")
    assert (
        "7 more votes won in a row would do; votes 0 to 0"
        in run("promote", "greet", 2, "--reason", "better", code=1).stderr
    )


def test_examples_come_in_with_it(run: Run, told: Told, variants: tuple[object, ...], tmp_path: Path) -> None:
    """Read, shown and confirmed as by import; then the variants are measured and not only voted on."""
    file = tmp_path / "t.csv"
    file.write_text("text,label\n" + "".join(f"t{n},{'xy'[n % 2]}\n" for n in range(100)), encoding="utf-8")
    assert "add --yes" in run("create", "pair", *variants, "--examples", file, code=1).stderr
    assert told("skills") == []
    report = told("create", "pair", *variants, "--examples", file, "--yes")
    assert (report["added"], report["variant"]) == (100, 2)
    assert "vote pair --b 2\n" in report["next_step"]
    assert json.loads(run("export", "pair").stdout)["labels"] == ["x", "y"]
    next_one = run("create", "one", "--prompt", "p", "--examples", file, "--yes", "--no-labels").stdout
    assert "promptbreeder-mcp evolve one" in next_one


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--variant-a", "{a}", "--variant-b", "{a}"), "the same text, so there is nothing to compare"),
        (("--variant-a", "{a}", "--variant-b", "{missing}"), "No such file"),
        (("--variant-a", "{a}", "--variant-b", "{empty}"), "empty.txt is empty"),
        (("--variant-a", "{a}", "--variant-b", "{latin}"), "is not UTF-8 text (byte 2), line 1"),
        (("--prompt", " "), "prompt: must not be empty"),
        (("--prompt", "p", "--metric", "luck"), "metric: Input should be 'label'"),
        (("--prompt", "p", "--labels", "one"), "one label leaves nothing to choose"),
        (("--prompt", "p", "--examples", "{skill}"), "is a whole skill, not rows of examples"),
    ],
)
def test_what_makes_no_skill_is_refused(
    run: Run, told: Told, tmp_path: Path, flags: tuple[str, ...], reason: str
) -> None:
    """In one sentence; nothing is stored."""
    contents = {"a": b"A", "empty": b" \n", "latin": b"Gr\xfc\xdfe", "skill": b'{"name": "x", "prompt": "p"}'}
    for name, content in contents.items():
        (tmp_path / f"{name}.txt").write_bytes(content)
    paths = {name: tmp_path / f"{name}.txt" for name in (*contents, "missing")}
    (tmp_path / "skill.txt").rename(tmp_path / "skill.json")
    paths["skill"] = tmp_path / "skill.json"
    assert reason in run("create", "new", *(flag.format(**paths) for flag in flags), code=1).stderr
    assert told("skills") == []


def test_a_model_whose_file_is_not_there_makes_no_skill(run: Run, told: Told) -> None:
    """It would be bound to that file for good."""
    said = run("--model", "embedded:/nope.gguf", "create", "new", "--prompt", "p", code=1).stderr
    assert "there is no file /nope.gguf, which this skill or a setting (PROMPTBREEDER_MODEL" in said
    assert "put the file there, or correct the setting" in said
    assert told("skills") == []


def test_help_says_how_a_prompt_places_its_input(run: Run) -> None:
    """Otherwise nobody finds out."""
    assert "{{input}} in it is where the input goes" in " ".join(run("create", "--help").stdout.split())


def test_a_name_that_is_taken_is_refused(run: Run, told: Told, tickets_in: str) -> None:
    """Nothing is added to the skill that has it."""
    assert "there is a skill 'tickets' already" in run("create", tickets_in, "--prompt", "p", code=1).stderr
    assert told("skills")[0]["versions"] == 1


@pytest.mark.parametrize("flags", [(), ("--variant-a", "a"), ("--prompt", "p", "--variant-a", "a", "--variant-b", "b")])
def test_a_prompt_or_both_variants_must_be_given(run: Run, flags: tuple[str, ...]) -> None:
    """Status 2, as all programs do."""
    assert "give --prompt TEXT, or both --variant-a" in run("create", "new", *flags, code=2).stderr
