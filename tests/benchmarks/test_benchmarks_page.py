"""benchmarks/benchmarks_page.py shows what is there, what is not, and who lost."""

# ruff: noqa: ANN401 - the benchmarks are scripts and not a package: their objects have no types here

import importlib
from typing import Any

WANTED = {"seed prompt": False, "auto": True, "GEPA": True}


def _row(method: str, seed: int | None, accuracy: float, **more: Any) -> dict[str, Any]:
    setting = {"model": "small", "writer": "small", "budget": 120_000, "split": "test"}
    costs = {"calls": 10, "cache_hits": 3, "prompt_tokens": 1_200, "generated_tokens": 80, "seconds": 2.0}
    judged = {"accuracy": accuracy, "lines": 300, "development_accuracy": accuracy, "decoding": "free"}
    prompt = {"instruction": f"Found by {method}.", "demonstrations": [{"input": "private line", "output": "x"}]}
    about = {"engine_version": 2, "commit": "abc", "task": "subj", "method": method, "seed": seed}
    return {**setting, **about, **judged, **costs, "by_decoding": {"free": accuracy}, "prompt": prompt, **more}


def _page(rows: list[dict[str, Any]], **more: Any) -> str:
    module = importlib.import_module("benchmarks_page")
    text: str = module.page(rows, WANTED, [1, 2], **more)
    return text


def test_missing_cells_are_named() -> None:
    """Also of tasks without any row, and where nothing is there at all."""
    assert _page([]).endswith("Nothing is measured yet.")
    said = _page([_row("auto", 1, 0.7)], tasks=["subj", "trec"])
    assert "| method | subj | trec |" in said
    assert "| auto | 0.700 |  |" in said
    assert "Not measured yet: seed prompt; auto (seed 2); GEPA (seed 1, 2)." in said
    assert "GEPA (seed 1, 2)" in said.partition("### trec")[2]


def test_a_mean_over_seeds_has_the_interval_of_its_lines() -> None:
    """More seeds on the same lines make it no narrower; costs are means too."""
    said = _page([_row("auto", 1, 0.7), _row("auto", 2, 0.8)])
    assert "| auto | 2 | 0.750 | 0.700-0.800 | 0.698-0.796 | 0.750 | 0.750 |  |  | 10 | 3 | 1,200 | 80 | 2 |" in said


def test_losses_and_failures_are_shown() -> None:
    """Who is better than `auto` is named; a method that failed says how; what is published is labelled."""
    failed = {"task": "subj", "method": "GEPA", "seed": 1, "failed": "gepa_peer.py ended with 1: no `memory`"}
    setting = {name: _row("", 1, 0)[name] for name in ("model", "writer", "budget", "split", "commit")}
    rows = [_row("auto", 1, 0.7), _row("seed prompt", None, 0.72), {**setting, "engine_version": 2, **failed}]
    said = _page(rows)
    assert "`auto` is first on 0 of the 1 tasks" in said
    assert "| subj | 0.700 | seed prompt | 0.720 | -0.020 | 0.756 |" in said
    assert "a model 52 times larger" in said
    assert "GEPA (seed 1) failed: gepa_peer.py ended with 1: no 'memory'" in said
    assert "| GEPA | failed |" in said
    assert "GEPA (seed 2)" in said.partition("Not measured yet: ")[2]


def test_auto_stands_against_each_method_alone() -> None:
    """On the tasks that both have; of many methods one is first on a task by luck."""
    rows = [_row("auto", seed, 0.6 + seed / 10) for seed in (1, 2)]
    rows += [_row("auto", 1, 0.5, task="trec"), _row("auto", 1, 0.9, task="agnews")]
    said = _page([*rows, _row("GEPA", 1, 0.7), _row("GEPA", 1, 0.6, task="trec")])
    assert "| GEPA | 2 | 1 | -0.025 | -0.100 to +0.050 |" in said
    assert "against each method alone" not in _page(rows)


def test_prompts_of_other_libraries_stand_under_the_decoding_that_suits_them_best() -> None:
    """What comes of the decoding must not look like a gain of the search; a classifier has no prompt to compare."""
    judged = {"by_decoding": {"free": 0.4, "calibrated": 0.75}, "library": "gepa 1"}
    ours, theirs = _row("auto", 1, 0.7), _row("GEPA", 1, 0.4, **judged)
    said = _page([ours, theirs, _row("TF-IDF", None, 0.9, library="scikit-learn 1", prompt=None)])
    assert "`auto` is ahead on 0 of the 1 tasks where a prompt of another library is measured, each" in said
    assert "| subj | 0.700 | GEPA | 0.400 | GEPA, calibrated | 0.750 | -0.050 |" in said
    assert "of another library" not in _page([ours])


def test_what_does_not_apply_is_said_once_for_all_seeds() -> None:
    """Nobody reads it three times."""
    setting = {name: _row("", 1, 0)[name] for name in ("model", "writer", "budget", "split", "commit", "task")}
    no_labels = {**setting, "engine_version": 2, "method": "GEPA", "does_not_apply": "it needs labels"}
    said = _page([_row("auto", 1, 0.7), *({**no_labels, "seed": seed} for seed in (1, 2))])
    assert said.count("GEPA does not apply: it needs labels.") == 1


def test_an_older_engine_has_no_say() -> None:
    """What another version of the search engine found is left out; what needed no engine stays."""
    older = _row("auto", 1, 0.9, engine_version=1)
    said = _page([older, _row("auto", 2, 0.7), _row("seed prompt", None, 0.2, engine_version=None)])
    assert "| auto | 0.700 |" in said
    assert "| seed prompt | 0.200 |" in said
    assert "search engine: 2." in said


def test_what_is_judged_on_development_lines_is_no_result() -> None:
    """It says so; and no page shows a line of the data, which demonstrations are."""
    said = _page([_row("auto", 1, 0.7, split="development")])
    assert "**Judged on development lines**" in said
    assert "- auto (seed 1), free: `Found by auto.` and 1 demonstrations" in said
    assert "private line" not in said
    assert "Judged on development lines" not in _page([_row("auto", 1, 0.7)])
