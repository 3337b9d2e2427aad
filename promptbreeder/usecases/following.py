"""Follow what other processes do with the same database: a command line promotes while a server has clients."""

from collections.abc import Iterator

from promptbreeder.store import evaluations, events, runs, skills
from promptbreeder.store.database import BUSY_SECONDS
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.workbench import Change, Mark, Workbench

_NOTHING_YET = Mark(commits=-1, event=0, hash="", moment=0.0)
_RUNS = 100
"""So many of the newest runs are told of where all may have changed."""
_PRODUCTION = ("promote", "rollback")
_SKILLS = ("create", "extend", "correct", "retire", "delete")


async def changes_of_others(bench: Workbench, since: Mark | None) -> tuple[Mark, tuple[Change, ...]]:
    """Return what was changed after `since`, and how far that is; nothing for the first call.

    Where there is no database yet, none is made: whatever will be in it is news.

    What this process changed in the meantime may be among it, and nothing that others changed is missing.

    Raises:
        StoreError: if the database cannot be read.
    """
    if not bench.store.exists:
        return since or _NOTHING_YET, ()
    # Before the log: what is committed in between is told now, and once more the next time.
    commits = await bench.store.foreign_commits()
    if since is not None and commits == since.commits:
        return since, ()

    def read(db: Tables) -> tuple[Mark, tuple[Change, ...]]:
        moment = max(runs.last_written(db), evaluations.last_measured(db))
        mark = Mark(commits, *events.end(db), moment)
        return mark, () if since is None else tuple(dict.fromkeys(_changes(bench, db, since)))

    return await bench.store.read(read)


def _changes(bench: Workbench, db: Tables, since: Mark) -> Iterator[Change]:
    happened = events.after(db, since.event)
    # By its hash, too: after a restore the history may be as long as before.
    if events.hash_of(db, since.event) != since.hash or any(event.kind == "restore" for event in happened):
        # A backup took the place of what was there.
        yield from (Change("skills", skill.name) for skill in skills.all_skills(db))
        yield from (Change("run", run.skill, run.run_id) for run in runs.recent(db, None, limit=_RUNS))
    for event in happened:
        if event.skill is not None:
            yield Change(_kind(event), event.skill)
    # A write has its time from before it waited for others; and the clock may have gone back since the last one.
    now = bench.clock()
    before = min(since.moment, now) - BUSY_SECONDS
    for run in runs.written_after(db, before):
        # What was there already, and is later than now, was written before the clock went back.
        if not now < run.updated_at <= since.moment:
            yield Change("run", run.skill, run.run_id)
    yield from (Change("measured", skill) for skill in evaluations.measured_after(db, before))


def _kind(event: events.Event) -> str:
    if event.kind in _SKILLS:
        return "skills"
    if event.kind in _PRODUCTION:
        return "production"
    return "version" if event.kind == "evolved" and event.after is not None else "history"
