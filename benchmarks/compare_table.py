"""The rows of a comparison as Markdown, and what is not measured yet."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from promptbreeder.evidence.intervals import wilson

Row = Mapping[str, Any]
_HEAD = (
    "| strategy | seeds | test accuracy | lowest-highest | 95 % interval | free | constrained | calibrated | calls "
    "| tokens | seconds |\n|---|---|---|---|---|---|---|---|---|---|---|"
)
_DECODINGS = ("free", "constrained", "calibrated")


def table(rows: Sequence[Row], wanted: Mapping[str, bool], seeds: Sequence[int], tasks: Sequence[str] = ()) -> str:
    """Return one table a model, budget and task, and for each what is missing.

    `wanted` names the strategies and says which of them depend on the seed. `tasks` are wanted too where they have no
    row at all.
    """
    settings = list(dict.fromkeys((row["model"], row["writer"], row["budget"]) for row in rows))
    parts = []
    for setting in settings:
        model, writer, budget = setting
        parts.append(f"## {model}\n\nWriter: {writer if writer != model else 'the same'}. Budget: {budget:,} tokens.")
        of_it = [row for row in rows if (row["model"], row["writer"], row["budget"]) == setting]
        for task in dict.fromkeys((*(row["task"] for row in of_it), *tasks)):
            of_task = [row for row in of_it if row["task"] == task]
            parts.append(_task_part(task, of_task, wanted, seeds))
    if not rows:
        parts.append("Nothing is measured yet.")
    return "\n\n".join(parts)


def _task_part(task: str, rows: Sequence[Row], wanted: Mapping[str, bool], seeds: Sequence[int]) -> str:
    lines = [f"### {task}", "", _HEAD]
    missing, unfit = [], []
    for name in dict.fromkeys((*wanted, *(row["strategy"] for row in rows))):
        found = [row for row in rows if row["strategy"] == name]
        measured = [row for row in found if "does_not_apply" not in row]
        if measured:
            lines.append(_line(name, measured))
        if len(measured) < len(found):
            unfit.append(name)
        elif name in wanted:
            open_ = [seed for seed in (seeds if wanted[name] else [None]) if seed not in [r["seed"] for r in found]]
            if open_:
                missing.append(name if open_ == [None] else f"{name} (seed {', '.join(map(str, open_))})")
    said = f"Not measured yet: {'; '.join(missing)}." if missing else "All of it is measured."
    others = [f"Do not apply to this task: {'; '.join(unfit)}."] if unfit else []
    return "\n".join([*(lines if rows else lines[:1]), "", said, *others])


def _line(name: str, rows: Sequence[Row]) -> str:
    accuracies = [row["test_acc"] for row in rows]
    mean, lines = statistics.fmean(accuracies), rows[0]["test_lines"]
    # All seeds are tested on the same lines, so more seeds do not make the interval narrower.
    low, high = wilson(mean * lines, lines)
    cells = [
        name,
        str(len(rows)),
        f"{mean:.3f}",
        f"{min(accuracies):.3f}-{max(accuracies):.3f}" if len(rows) > 1 else "",
        f"{low:.3f}-{high:.3f}",
        *(_mean_of(rows, decoding) for decoding in _DECODINGS),
        *(f"{statistics.fmean(row[field] for row in rows):,.0f}" for field in ("calls", "tokens", "seconds")),
    ]
    return f"| {' | '.join(cells)} |"


def _mean_of(rows: Sequence[Row], decoding: str) -> str:
    known = [row["by_decoding"][decoding] for row in rows if decoding in row["by_decoding"]]
    return f"{statistics.fmean(known):.3f}" if known else ""
