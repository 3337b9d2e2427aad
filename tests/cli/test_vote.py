"""`vote`: answers shown blind, choices typed, the tally at the end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture
def tone(run: Run, tmp_path: Path) -> str:
    """Return a skill of two variants."""
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(f"Variant {name}.", encoding="utf-8")
    run("create", "tone", "--variant-a", tmp_path / "a.txt", "--variant-b", tmp_path / "b.txt")
    return "tone"


def test_inputs_typed_by_hand_are_voted_on_one_after_another(run: Run, told: Told, tone: str) -> None:
    """Whatever the case of the letter; the tally says what the votes mean, and they are a person's votes."""
    said = run("vote", tone, "--input", "hello", "--input", "bye", stdin="a\nTIE\n").stdout
    for part in ("Input: hello", "Input: bye", "A: ", "B: ", "Which is better?", "Version 2 against version 1: open"):
        assert part in said
    assert said.endswith("Evidence: promptbreeder-mcp fitness tone --version 2\n")
    evidence = told("fitness", tone, "--version", 2)["version"]["evidence"]
    assert sum(evidence["votes"]["human"].values()) == 2
    assert evidence["votes"]["ties"] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.txt", "one\n\n two\n"),
        ("in.csv", "input\none\ntwo\n"),
        ("in.jsonl", '{"input": "one"}\n{"input": "two"}\n'),
    ],
)
def test_inputs_come_from_a_file(run: Run, tone: str, tmp_path: Path, name: str, content: str) -> None:
    """One a line, or rows as import reads them."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    result = run("vote", tone, "--inputs", tmp_path / name, "--json", stdin="B\nB\n")
    (test,) = json.loads(result.stdout)["tests"]
    assert (test["candidate"], test["incumbent"], test["wins"] + test["losses"]) == (2, 1, 2)
    assert "Input: one" in result.stderr


def test_an_input_alone_may_be_one_json_object(told: Told, tone: str, tmp_path: Path) -> None:
    """It is a row like any other, and no whole skill."""
    (tmp_path / "one.json").write_text('{"input": "one"}\n', encoding="utf-8")
    (test,) = told("vote", tone, "--inputs", tmp_path / "one.json", stdin="B\n")["tests"]
    assert test["wins"] + test["losses"] == 1


def test_an_input_that_was_judged_is_said_to_count_no_more(run: Run, told: Told, tone: str) -> None:
    """Before the vote and after it; the tally has the first vote only."""
    said = run("vote", tone, "--input", "hello", "--input", "Hello ", stdin="tie\nA\n").stdout
    assert said.count("This input was judged for these two versions before") == 1
    assert said.count("it does not count") == 1
    assert "29 left" in said
    votes = told("fitness", tone, "--version", 2)["version"]["evidence"]["votes"]
    assert (votes["wins"], votes["losses"], votes["ties"]) == (0, 0, 1)


def test_inputs_are_drawn_until_somebody_quits(run: Run, tickets_in: str) -> None:
    """From the examples; what is no choice is asked for again."""
    run("create", "other", "--prompt", "x")
    definition = json.loads(run("export", tickets_in).stdout)
    train = {example["input"] for example in definition["examples"] if example["split"] == "train"}
    assert "has nothing to compare version 1 with" in run("vote", tickets_in, code=1).stderr
    run("evolve", tickets_in, "--generations", 2, "--population", 6, "--budget-tokens", 60_000)
    said = run("vote", tickets_in, stdin="A\nwhat\nB\nquit\n").stdout
    shown = [line.removeprefix("Input: ") for line in said.splitlines() if line.startswith("Input: ")]
    assert len(shown) == 3
    assert set(shown) <= train
    assert "28 left" in said


def test_help_says_where_an_input_is_drawn_from(run: Run) -> None:
    """Gate examples are never shown, and a skill without train examples has none to draw."""
    said = " ".join(run("vote", "--help").stdout.split())
    assert "drawn from the skill's train examples, and from what it was really asked" in said


@pytest.mark.parametrize("typed", ["quit\n", ""])
def test_quitting_or_the_end_of_the_input_keeps_what_was_voted(run: Run, told: Told, tone: str, typed: str) -> None:
    """A duel that was shown and not answered is no vote."""
    assert "29 left" in run("vote", tone, "--input", "x", "--input", "y", stdin=f"A\n{typed}").stdout
    assert run("vote", tone, "--input", "x", stdin=typed).stdout.endswith("No votes were cast.\n")
    assert told("vote", tone, "--input", "x", stdin=typed) == {"skill": "tone", "tests": []}


def test_versions_can_be_named(run: Run, told: Told, tone: str) -> None:
    """Those that would not be shown by themselves, too."""
    assert told("vote", tone, "--a", 2, "--b", 1, "--input", "x", stdin="tie\n")["tests"][0]["candidate"] == 2
    assert "has no version 7" in run("vote", tone, "--b", 7, "--input", "x", code=1).stderr


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--inputs", "-"), "votes are asked for on stdin"),
        (("--inputs", "missing.txt"), "cannot read missing.txt"),
        (("--inputs", "{empty}"), "empty.txt is empty"),
        (("--inputs", "{skill}"), "is a whole skill"),
        (("--input", " "), "the input is empty"),
        ((), "no earlier input to draw; give one with compare_prompts(..., input=...) or `vote --input TEXT`"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    run: Run, tone: str, tmp_path: Path, flags: tuple[str, ...], reason: str
) -> None:
    """In one sentence, before anything is asked."""
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    (tmp_path / "skill.json").write_text('{"name": "x", "prompt": "p"}', encoding="utf-8")
    paths = {"empty": tmp_path / "empty.txt", "skill": tmp_path / "skill.json"}
    assert reason in run("vote", tone, *(flag.format(**paths) for flag in flags), code=1).stderr


def test_the_vote_that_decides_promotes_where_the_skill_opted_in(
    run: Run, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so at once."""
    monkeypatch.setattr("promptbreeder.usecases.dueling.secrets.randbelow", lambda _: 0)
    file = tmp_path / "tone.json"
    skill = {"name": "tone", "description": "d", "prompt": "p", "variant": "q", "metric": "preference"}
    file.write_text(json.dumps({**skill, "settings": {"opt_in_auto_promote": True}}), encoding="utf-8")
    run("import", file)
    flags = [flag for number in range(8) for flag in ("--input", f"text {number}")]
    assert "28 left" in run("vote", "tone", *flags[:4], stdin="B\nB\n").stdout
    assert told("skills")[0]["production"] == 1
    said = run("vote", "tone", *flags[4:], stdin="B\n" * 5)
    assert "Promoted by itself: Ready: votes 7 to 0" in said.stdout
    assert "Version 2 against version 1: win" in said.stdout
    assert "No more duels: 'tone' has nothing to compare version 2 with" in said.stderr
    assert told("skills")[0]["production"] == 2
