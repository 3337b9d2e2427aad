"""The rows of a comparison as the page docs/benchmarks.md: all that is there, and what is not measured yet."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from promptbreeder.evidence.intervals import wilson

Row = Mapping[str, Any]
Wanted = Mapping[str, bool]
"""Methods by name, and whether the seed matters to them."""
SETTING = ("model", "writer", "budget", "split")
OURS = "auto"
"""The product's default, which is set against the best of the others."""
PUBLISHED = {"subj": 0.756, "agnews": 0.738, "trec": 0.640, "sst2": 0.951}
"""Guo et al., EvoPrompt (arXiv 2309.08532), Alpaca-7B."""
_DECODINGS = ("free", "constrained", "calibrated")
_COLUMNS = (
    *("method", "seeds", "accuracy", "lowest-highest", "95 % interval", "development"),
    *(*_DECODINGS, "calls", "cache hits", "prompt tokens", "generated tokens", "seconds"),
)
_SHORT = 160
"""Characters of a prompt that are shown."""
_INTRODUCTION = """\
# Prompt search compared

Made by `benchmarks/compare.py --table` from the rows that it measured;
[benchmarks/README.md](../benchmarks/README.md) says what each method is, and the commands. All methods have the same
model, scorer, train lines (60), development lines (100) and token budget, which not all use up; `auto` may show up to
48 train lines in a prompt, all else of ours and the random demonstrations up to 8. Accuracy is the mean over the
seeds, each judged once; the interval (Wilson, 95 %) is about the lines, which are the same for all seeds. `free`,
`constrained` and `calibrated` are the same prompt, or the very chat that another library sends, under each way of
taking the answer: what differs between the columns comes from the decoding, what differs between rows in a column
comes from the prompt. For other libraries `accuracy` is `free`: the answers as the library itself reads them. Tokens
are those of the search, read and generated; what a model has just read is not counted again, and cache hits cost
nothing."""
_PROTOCOL = """\
`published` is what EvoPrompt (arXiv 2309.08532) reports for Alpaca-7B, a model 52 times larger than SmolLM2-135M, under
another decoding protocol and on other lines: it is no measurement of this page."""
_ON_DEVELOPMENT = """\
**Judged on development lines**, which the searches themselves measured on: for working on the methods, not a result."""


def page(rows: Sequence[Row], wanted: Wanted, seeds: Sequence[int], tasks: Sequence[str] = ()) -> str:
    """Return the page; `tasks` are wanted too where they have no row at all."""
    settings = list(dict.fromkeys(tuple(row[name] for name in SETTING) for row in rows))
    parts = [_INTRODUCTION]
    for setting in settings:
        of_it = _newest([row for row in rows if tuple(row[name] for name in SETTING) == setting])
        parts += _setting_part(setting, of_it, wanted, seeds, tasks)
    if not rows:
        parts.append("Nothing is measured yet.")
    return "\n\n".join(parts)


def _newest(rows: Sequence[Row]) -> list[Row]:
    """Leave out what an older search engine made; rows that none made have no version."""
    newest = max((row["engine_version"] or 0 for row in rows), default=0)
    return [row for row in rows if row["engine_version"] in (None, newest)]


def _setting_part(
    setting: Sequence[Any], rows: Sequence[Row], wanted: Wanted, seeds: Sequence[int], tasks: Sequence[str]
) -> list[str]:
    model, writer, budget, split = setting
    engine = next((str(row["engine_version"]) for row in rows if row["engine_version"]), "none yet")
    every = list(dict.fromkeys((*(row["task"] for row in rows), *tasks)))
    commits = ", ".join(dict.fromkeys(str(row["commit"]) for row in rows))
    told = "the same" if writer == model else writer
    about = f"Writer: {told}. Budget: {budget:,} tokens. Code: {commits}; search engine: {engine}."
    names = list(dict.fromkeys((*wanted, *(row["method"] for row in rows))))
    parts = [f"## {model}, {split} lines", about]
    if split != "test":
        parts.append(_ON_DEVELOPMENT)
    parts += [_overview(rows, names, every), _standing(rows, names, every), _PROTOCOL]
    if pairs := _in_pairs(rows, names, every):
        parts.append(pairs)
    if against := _against_libraries(rows, every):
        parts.append(against)
    return parts + [_task_part(task, [row for row in rows if row["task"] == task], wanted, seeds) for task in every]


def _overview(rows: Sequence[Row], names: Sequence[str], tasks: Sequence[str]) -> str:
    """Return accuracies alone, a column a task; an empty cell is not measured."""
    lines = [_line(("method", *tasks)), _line(["---"] * (1 + len(tasks)))]
    lines += [_line((name, *(_cell(rows, name, task) for task in tasks))) for name in names]
    return "\n".join(lines)


def _cell(rows: Sequence[Row], name: str, task: str) -> str:
    found = [row for row in rows if (row["method"], row["task"]) == (name, task)]
    accuracy = _accuracy(found)
    if accuracy is not None:
        return f"{accuracy:.3f}"
    if not found:
        return ""
    return "failed" if any("failed" in row for row in found) else "-"


def _standing(rows: Sequence[Row], names: Sequence[str], tasks: Sequence[str]) -> str:
    """Say where `auto` stands against the best of all the others, losses included."""
    lines = [_line(("task", OURS, "best other", "", "difference", "published")), _line(["---"] * 6)]
    first = measured = 0
    for task in tasks:
        found = {name: _accuracy([r for r in rows if (r["method"], r["task"]) == (name, task)]) for name in names}
        known = {name: value for name, value in found.items() if value is not None}
        ours = known.pop(OURS, None)
        if ours is None or not known:
            continue
        other = max(known, key=lambda name: known[name])
        measured, first = measured + 1, first + (ours > known[other])
        published = f"{PUBLISHED[task]:.3f}" if task in PUBLISHED else ""
        lines.append(
            _line((task, f"{ours:.3f}", other, f"{known[other]:.3f}", f"{ours - known[other]:+.3f}", published))
        )
    said = f"`{OURS}` is first on {first} of the {measured} tasks where it is measured, among the rows that are there."
    return "\n".join([said, "", *lines])


def _in_pairs(rows: Sequence[Row], names: Sequence[str], tasks: Sequence[str]) -> str:
    """Set `auto` against every other method alone: of many, one is first on a task by luck."""
    lines = [_line(("against", "tasks", f"{OURS} is higher on", "mean difference", "lowest-highest"))]
    lines.append(_line(["---"] * 5))
    mean = {
        (name, task): _accuracy(row for row in rows if (row["method"], row["task"]) == (name, task))
        for name in names
        for task in tasks
    }
    for name in names:
        gaps = [
            ours - theirs
            for task in tasks
            if name != OURS
            and (ours := mean.get((OURS, task))) is not None
            and (theirs := mean[name, task]) is not None
        ]
        if gaps:
            ahead = sum(gap > 0 for gap in gaps)
            spread = f"{min(gaps):+.3f} to {max(gaps):+.3f}"
            lines.append(_line((name, str(len(gaps)), str(ahead), f"{statistics.fmean(gaps):+.3f}", spread)))
    return "\n".join([f"`{OURS}` against each method alone, means over its seeds:", "", *lines]) if lines[2:] else ""


def _against_libraries(rows: Sequence[Row], tasks: Sequence[str]) -> str:
    """Say where `auto` stands against prompts that other libraries found; empty where there are none."""
    lines = [_line(("task", OURS, "best library as it answers", "", "best under any decoding", "", "difference"))]
    lines.append(_line(["---"] * 7))
    ahead = 0
    for task in tasks:
        found = [row for row in _measured(rows) if row["task"] == task]
        theirs = [row for row in found if row.get("library") and row["prompt"]]
        ours = _accuracy(row for row in found if row["method"] == OURS)
        if ours is None or not theirs:
            continue
        own, name = max((statistics.fmean(row["accuracy"] for row in each), name) for name, each in _by_method(theirs))
        best, other, decoding = max(
            (statistics.fmean(values), method, decoding)
            for method, each in _by_method(theirs)
            for decoding in _DECODINGS
            if (values := [row["by_decoding"][decoding] for row in each if decoding in row["by_decoding"]])
        )
        ahead += ours > best
        at_best = (f"{other}, {decoding}", f"{best:.3f}", f"{ours - best:+.3f}")
        lines.append(_line((task, f"{ours:.3f}", name, f"{own:.3f}", *at_best)))
    measured = len(lines) - 2
    said = (
        f"`{OURS}` is ahead on {ahead} of the {measured} tasks where a prompt of another library is measured, each\n"
        "prompt under whichever decoding suits it best on these very lines."
    )
    return "\n".join([said, "", *lines]) if measured else ""


def _task_part(task: str, rows: Sequence[Row], wanted: Wanted, seeds: Sequence[int]) -> str:
    table, said, prompts, missing = [], [], [], []
    for name in dict.fromkeys((*wanted, *(row["method"] for row in rows))):
        found = [row for row in rows if row["method"] == name]
        if measured := _measured(found):
            table.append(_method_line(name, measured))
            prompts += _prompt_lines(name, measured)
        said += [f"{_named(name, row)} failed: {_short(row['failed'])}" for row in found if "failed" in row]
        said += [f"{name} does not apply: {row['does_not_apply']}." for row in found if "does_not_apply" in row]
        if name in wanted and not any("does_not_apply" in row for row in found):
            there = [row["seed"] for row in found]
            gaps = [seed for seed in (seeds if wanted[name] else [None]) if seed not in there]
            missing += [name if gaps == [None] else f"{name} (seed {', '.join(map(str, gaps))})"] if gaps else []
    head = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))] if table else []
    gaps_said = f"Not measured yet: {'; '.join(missing)}." if missing else "All of it is measured."
    shown = ["", "What was found, shortened:", "", *prompts] if prompts else []
    return "\n".join(
        [f"### {task}", "", *head, *table, *([""] if table else []), gaps_said, *dict.fromkeys(said), *shown]
    )


def _method_line(name: str, rows: Sequence[Row]) -> str:
    accuracies = [row["accuracy"] for row in rows]
    mean, lines = statistics.fmean(accuracies), rows[0]["lines"]
    # All seeds are judged on the same lines, so more seeds do not make the interval narrower.
    low, high = wilson(mean * lines, lines)
    costs = ("calls", "cache_hits", "prompt_tokens", "generated_tokens", "seconds")
    return _line(
        (
            *(name, str(len(rows)), f"{mean:.3f}"),
            f"{min(accuracies):.3f}-{max(accuracies):.3f}" if len(rows) > 1 else "",
            f"{low:.3f}-{high:.3f}",
            f"{statistics.fmean(row['development_accuracy'] for row in rows):.3f}",
            *(_mean_of(rows, decoding) for decoding in _DECODINGS),
            *(f"{statistics.fmean(row[field] for row in rows):,.0f}" for field in costs),
        )
    )


def _prompt_lines(name: str, rows: Sequence[Row]) -> list[str]:
    """Return the instructions; of demonstrations the number alone, as they are lines of others' data."""
    lines = []
    for row in rows:
        if row["prompt"]:
            shots = row["prompt"]["demonstrations"]
            count = shots if isinstance(shots, int) else len(shots)
            plus = f" and {count} demonstrations" if count else ""
            lines.append(f"- {_named(name, row)}, {row['decoding']}: `{_short(row['prompt']['instruction'])}`{plus}")
    return lines


def _measured(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if "accuracy" in row]


def _by_method(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["method"], []).append(row)
    return list(found.items())


def _accuracy(rows: Iterable[Row]) -> float | None:
    found = [row["accuracy"] for row in _measured(rows)]
    return statistics.fmean(found) if found else None


def _mean_of(rows: Sequence[Row], decoding: str) -> str:
    known = [row["by_decoding"][decoding] for row in rows if decoding in row["by_decoding"]]
    return f"{statistics.fmean(known):.3f}" if known else ""


def _named(name: str, row: Row) -> str:
    return name if row["seed"] is None else f"{name} (seed {row['seed']})"


def _short(text: str) -> str:
    plain = " ".join(text.replace("`", "'").split())
    return plain if len(plain) <= _SHORT else f"{plain[:_SHORT]}…"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
