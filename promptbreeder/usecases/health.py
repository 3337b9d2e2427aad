"""The doctor: is everything in order, and if not, what to do; backups, and the way back to one."""

import sys
from pathlib import Path

from promptbreeder.errors import InvalidInput, ModelError, StoreError
from promptbreeder.requests import Actor
from promptbreeder.results import Finding, Restored
from promptbreeder.store import backup, events, health, restoring
from promptbreeder.text import scrub
from promptbreeder.usecases.workbench import Workbench


async def doctor(bench: Workbench) -> tuple[Finding, ...]:
    """Check Python, the database and the model; each finding says what was looked at."""
    findings = [Finding(ok=True, check="python", detail=sys.version.split()[0])]
    checks = await bench.store.read(health.checks)
    findings.append(Finding(ok=True, check="database", detail=str(bench.store.path)))
    findings.append(await _writing(bench))
    findings.extend(Finding(ok=check.ok, check=check.what, detail=check.detail) for check in checks)
    findings.append(Finding(ok=True, check="backups", detail=_backups(bench.store.path)))
    findings.append(await _model(bench, "model", bench.default_model))
    if bench.default_writer is not None:
        findings.append(await _model(bench, "writer model", bench.default_writer))
    return tuple(findings)


async def make_backup(bench: Workbench) -> str:
    """Copy the database as it is now, and return where the copy is."""
    return str(await bench.store.backup())


async def restore(bench: Workbench, source: str, actor: Actor) -> Restored:
    """Put a backup in the place of the database, verified before, and write that into its history.

    Raises:
        InvalidInput: if there is no such file.
        StoreError: if it is not sound, or cannot be read; nothing is changed then.
    """
    kept = await restoring.restore(bench.store, Path(source))
    # A folder's name may hold bytes that are no text, and neither history nor report could hold those.
    now, told = bench.clock(), scrub(source)
    await bench.store.write(
        lambda db: events.append(
            db,
            ts=now,
            skill=None,
            kind="restore",
            actor=actor.kind,
            client=actor.client,
            reason=f"restored from {Path(told).name}",
            data={"source": told},
        )
    )
    return Restored(source=told, kept=None if kept is None else scrub(str(kept)))


async def _writing(bench: Workbench) -> Finding:
    found = Finding(ok=True, check="writing", detail="possible")
    try:
        await bench.store.write(health.attempt)
    except health.Attempted:
        pass
    except StoreError as error:
        found = Finding(ok=False, check="writing", detail=str(error))
    return found


def _backups(path: Path) -> str:
    copies = backup.listed(path)
    return f"{len(copies)}, the newest is {copies[-1]}" if copies else "none yet; `doctor --backup` makes one"


async def _model(bench: Workbench, what: str, name: str) -> Finding:
    try:
        model = await bench.model(name)
        rates = await model.rates()
    except (InvalidInput, ModelError) as error:
        return Finding(ok=False, check=what, detail=str(error))
    detail = (
        f"{model.name}: reads {rates.read:,.0f} and writes {rates.write:,.0f} tokens a second ({model.fingerprint})"
    )
    return Finding(ok=True, check=what, detail=detail)
