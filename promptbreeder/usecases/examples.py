"""Look through a skill's examples; correct, retire and delete them.

What rests on an example is told each time. Nothing is measured here: measurements leave out by themselves what is no
longer in use (`measuring.gate_evaluation`).
"""

from collections.abc import Callable, Collection
from typing import Literal

from anyio import to_thread
from pydantic import ValidationError

from promptbreeder.errors import Conflict, InvalidInput
from promptbreeder.requests import Actor, explain
from promptbreeder.results import ExampleChange, ExampleLine, ExamplePage
from promptbreeder.skill import Example, Split
from promptbreeder.store import calls, evaluations, events, examples, replies, runs, skills, versions
from promptbreeder.store.examples import StoredExample
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.defining import check_examples, split_counts
from promptbreeder.usecases.run_facts import plan_of
from promptbreeder.usecases.workbench import Workbench

MAX_PAGE = 10_000
_KINDS: dict[str, Literal["corrected", "retired", "deleted"]] = {
    "correct": "corrected",
    "retire": "retired",
    "delete": "deleted",
}


async def list_examples(bench: Workbench, name: str, split: str | None, after: int, limit: int) -> ExamplePage:
    """Return up to `limit` examples in use, by id, from the first above `after` on."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidInput(f"the limit is 1 to {MAX_PAGE:,} examples a page")
    try:
        wanted = None if split is None else Split(split)
    except ValueError as error:
        raise InvalidInput(f"the splits are {', '.join(Split)}") from error

    def look(db: Tables) -> ExamplePage:
        skills.get(db, name)
        found = examples.page(db, name, split=wanted, after=after, limit=limit + 1)
        return ExamplePage(
            skill=name,
            examples=tuple(
                ExampleLine(id=example.id, split=example.split, expected=example.expected, input=example.input)
                for example in found[:limit]
            ),
            counts=split_counts(db, name),
            next_after=found[limit - 1].id if len(found) > limit else None,
        )

    return await bench.store.read(look)


async def correct_example(bench: Workbench, name: str, number: int, expected: str, actor: Actor) -> ExampleChange:
    """Give an example another answer: a new example in its place and split, the old one retired.

    Raises:
        NotFound, Conflict: if the skill has no such example in use.
        InvalidInput: if the answer does not fit the skill, or is the one it has.
    """
    now = bench.clock()
    skill, old = await bench.store.read(lambda db: (skills.get(db, name), examples.get(db, name, number)))
    try:
        new = Example(input=old.input, expected=expected)
    except ValidationError as error:
        raise InvalidInput(explain(error)) from error
    # Before the write, which must be short: whether an answer can be judged by may take its time (see `objection_to`).
    await to_thread.run_sync(check_examples, skill, [new])

    def change(db: Tables) -> ExampleChange:
        # Again, in no time: another process may have redefined the skill in the meantime.
        now_defined = skills.get(db, name)
        check_examples(now_defined, [new])
        (answer,) = now_defined.as_labels([new.expected])
        became = examples.correct(db, name, number, answer or "", now=now)
        return _told(db, "correct", old, actor, name=name, now=now, became=became)

    return await _changed(bench, name, change)


async def retire_example(bench: Workbench, name: str, number: int, actor: Actor) -> ExampleChange:
    """Take an example out of use for good; it is kept for what was measured on it. Raises NotFound, Conflict."""
    now = bench.clock()

    def change(db: Tables) -> ExampleChange:
        skills.get(db, name)
        retired = examples.retire(db, name, number, now=now)
        return _told(db, "retire", retired, actor, name=name, now=now)

    return await _changed(bench, name, change)


async def delete_example(bench: Workbench, name: str, number: int, actor: Actor) -> ExampleChange:
    """Remove the content of an example, of what it replaced or was replaced by, and of calls with its input.

    Raises:
        NotFound: if the skill has no such example.
        Conflict: while a process drives a run that holds the example.
    """

    def change(db: Tables) -> ExampleChange:
        now = bench.clock()
        skill = skills.get(db, name)
        same = examples.same_input(db, name, number)
        live = runs.live(db, name)
        if live is not None and live.is_leased(now):
            raise Conflict(
                f"run {live.run_id} of '{name}' is going on with the skill's examples; wait for its end or cancel it, "
                "then delete. Nothing was deleted."
            )
        this = next(example for example in same if example.id == number)
        ids = [example.id for example in same]
        examples.delete(db, ids, now=now)
        for text in dict.fromkeys((this.input, *calls.empty(db, skill, this.input))):
            replies.drop_quoting(db, text.strip())
        return _told(db, "delete", this, actor, name=name, now=now, ids=ids)

    return await _changed(bench, name, change)


async def _changed(bench: Workbench, name: str, change: Callable[[Tables], ExampleChange]) -> ExampleChange:
    changed = await bench.store.write(change)
    bench.changed("skills", name)
    return changed


def _told(
    db: Tables,
    kind: Literal["correct", "retire", "delete"],
    example: StoredExample,
    actor: Actor,
    *,
    name: str,
    now: float,
    became: int | None = None,
    ids: Collection[int] = (),
) -> ExampleChange:
    """Tell the history, and return what was done and what rests on the example (on `ids`, where there are several)."""
    events.append(
        db,
        ts=now,
        skill=name,
        kind=kind,
        actor=actor.kind,
        client=actor.client,
        reason="",
        data={"example": example.id, **({} if became is None else {"became": became})},
    )
    live = runs.live(db, name)
    return ExampleChange(
        skill=name,
        example=example.id,
        change=_KINDS[kind],
        became=became,
        split=example.split,
        counts=split_counts(db, name),
        measured_versions=evaluations.versions_measured_on(db, name, {example.id, *ids}),
        shown_in_versions=tuple(
            version.n
            for version in versions.all_versions(db, name)
            if any(shot.input == example.input for shot in version.prompt.demonstrations)
        ),
        run=live.run_id if live is not None and _froze(live, {example.id, *ids}) else None,
    )


def _froze(run: runs.Run, ids: Collection[int]) -> bool:
    plan = plan_of(run)
    return not set(ids).isdisjoint((*plan.train_ids, *plan.search_ids, *plan.gate_ids))
