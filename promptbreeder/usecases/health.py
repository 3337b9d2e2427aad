"""The doctor: is everything in order, and if not, what to do."""

import sys

from promptbreeder.errors import InvalidInput, ModelError
from promptbreeder.results import Finding
from promptbreeder.store import health
from promptbreeder.usecases.workbench import Workbench


async def doctor(bench: Workbench) -> tuple[Finding, ...]:
    """Check Python, the database and the model; each finding says what was looked at."""
    findings = [Finding(ok=True, check="python", detail=sys.version.split()[0])]
    checks = await bench.store.read(health.checks)
    findings.append(Finding(ok=True, check="database", detail=str(bench.store.path)))
    findings.extend(Finding(ok=check.ok, check=check.what, detail=check.detail) for check in checks)
    findings.append(await _model(bench, "model", bench.default_model))
    if bench.default_writer is not None:
        findings.append(await _model(bench, "writer model", bench.default_writer))
    return tuple(findings)


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
