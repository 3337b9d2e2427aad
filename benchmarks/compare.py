"""Strategies, baselines and other libraries on the same lines, model, scorer and budget; a row a result.

    python benchmarks/compare.py --results FILE --tasks trec.jsonl agnews.jsonl             judged on development lines
    python benchmarks/compare.py --results FILE --tasks trec.jsonl agnews.jsonl --final     judged on test lines
    python benchmarks/compare.py --results FILE --table docs/benchmarks.md                  the page of what is there
    python benchmarks/compare.py --results FILE --publish docs/benchmarks.jsonl             the rows without the data

Rows are appended, and what is there is not measured again. Of each task file the first 60 lines are train, the next
100 development, the next 300 test. Test lines are read with --final only, once for the prompt that a search ended in.
See README.md.
"""

import argparse
import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import anyio
from benchmarks_page import page  # these beside this file
from laboratory import Laboratory
from methods import GROUPS, METHODS
from task_files import read_task

from promptbreeder.errors import InvalidInput
from promptbreeder.models.base import Model
from promptbreeder.runs.plan import ENGINE_VERSION
from promptbreeder_server.compose import catalog_of
from promptbreeder_server.settings import Settings

KEY = ("task", "method", "seed", "split", "budget", "model", "writer", "engine_version")
"""What a row is about; the search engine's version only where the search engine made it."""
SHOWN = ("accuracy", "by_decoding", "development_accuracy", "tokens", "seconds", "does_not_apply", "failed")
"""What is printed of a new row."""


def main() -> None:
    """Measure, or make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="JSON lines; rows are appended")
    parser.add_argument("--tasks", type=Path, nargs="+", default=[], metavar="FILE", help="task files")
    parser.add_argument(
        "--methods", nargs="+", default=list(GROUPS), metavar="NAME", help=f"{', '.join(GROUPS)}; {', '.join(METHODS)}"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="default: 1 2 3")
    parser.add_argument("--budget", type=int, default=120_000, help="tokens read and written (default 120,000)")
    parser.add_argument("--final", action="store_true", help="judge on the test lines")
    parser.add_argument("--model", default="embedded", help="as PROMPTBREEDER_MODEL (default embedded)")
    parser.add_argument("--writer", help="as PROMPTBREEDER_WRITER (default: the model itself)")
    parser.add_argument("--peers-python", type=Path, metavar="FILE", help="the interpreter of the peers' environment")
    parser.add_argument("--table", nargs="?", const="-", metavar="FILE", help="print, or write, what is there")
    parser.add_argument(
        "--publish", type=Path, metavar="FILE", help="write the rows without the data that prompts show"
    )
    options = parser.parse_args()
    names = [each for name in options.methods for each in GROUPS.get(name, (name,))]
    if unknown := [name for name in names if name not in METHODS]:
        parser.error(f"unknown: {', '.join(unknown)}; take some of {', '.join((*GROUPS, *METHODS))}")
    options.methods = list(dict.fromkeys(names))
    if options.publish:
        lines = [json.dumps(public(row), ensure_ascii=False) for row in read(options.results)]
        options.publish.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    elif options.table:
        wanted = {name: METHODS[name].has_seeds for name in options.methods}
        text = page(read(options.results), wanted, options.seeds, [path.stem for path in options.tasks])
        print(text) if options.table == "-" else Path(options.table).write_text(text + "\n", encoding="utf-8")
    elif options.tasks:
        anyio.run(measure, options)
    else:
        parser.error("give --tasks to measure, or --table, or --publish")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows so far; a last line that was cut off when the machine stopped is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except ValueError:
            print(f"left out, not a row: {line[:60]}", file=sys.stderr)
    return rows


def public(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row that may be shown: of demonstrations, which are lines of others' data, only the number."""
    prompt = row.get("prompt")
    if not prompt:
        return row
    shots = prompt["demonstrations"]
    count = shots if isinstance(shots, int) else len(shots)
    return {**row, "prompt": {"instruction": prompt["instruction"], "demonstrations": count}}


async def measure(options: argparse.Namespace) -> None:
    """Append the rows that are missing, a seed after the other, so that a table is whole early."""
    settings = Settings.read()
    models = catalog_of(settings)
    executor = models.make(await models.resolve(options.model))
    writer = models.make(await models.resolve(options.writer)) if options.writer else executor
    try:
        await _measure(options, executor, writer)
    finally:
        for model in dict.fromkeys((executor, writer)):
            await model.aclose()


async def _measure(options: argparse.Namespace, executor: Model, writer: Model) -> None:
    tasks = [read_task(path) for path in options.tasks]
    labs = [await Laboratory.opened(task, executor, writer, options.budget, final=options.final) for task in tasks]
    about_all = {"commit": _commit()}
    split = "test" if options.final else "development"
    done = [tuple(row[name] for name in KEY) for row in read(options.results)]
    for seed, lab, name in product(options.seeds, labs, options.methods):
        lab.peers_python = options.peers_python
        about = (lab.task.name, name, seed if METHODS[name].has_seeds else None)
        version = ENGINE_VERSION if METHODS[name].by_our_engine else None
        key = (*about, split, options.budget, executor.fingerprint, writer.fingerprint, version)
        if key in done:
            continue
        done.append(key)
        try:
            row = await row_of(name, lab, seed)
        except InvalidInput as reason:
            print(f"{lab.task.name}, {name}: skipped, {reason}", flush=True)
            continue
        with options.results.open("a", encoding="utf-8") as results:
            line = {**dict(zip(KEY, key, strict=True)), **row, **about_all}
            results.write(json.dumps(line, ensure_ascii=False) + "\n")
        shown = {field: row[field] for field in SHOWN if field in row}
        print(f"{lab.task.name}, {name}, seed {about[2]}: {json.dumps(shown)}", flush=True)


async def row_of(name: str, lab: Laboratory, seed: int) -> dict[str, Any]:
    """Return the result of one method.

    Raises:
        InvalidInput: if something is not installed that it needs.
    """
    if METHODS[name].needs_labels and not lab.skill.labels:
        return {"does_not_apply": "it needs labels"}
    return await METHODS[name].run(lab, seed)


def _commit() -> str | None:
    """Return which code measures, marked where it was changed since; None outside of a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


if __name__ == "__main__":
    main()
