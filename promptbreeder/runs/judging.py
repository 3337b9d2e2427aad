"""Judge answers beside the event loop: a metric may take its time, and others are served meanwhile.

Patterns are the ones that do, up to a second an answer (see `promptbreeder.evaluation.matching`).
"""

from collections.abc import Sequence

from anyio import to_thread

from promptbreeder.evaluation.metrics import Metric, Verdict


async def verdicts(metric: Metric, answers: Sequence[str], expected: Sequence[str]) -> list[Verdict]:
    """Return the verdict on each answer, in their order."""
    pairs = tuple(zip(answers, expected, strict=True))
    return await to_thread.run_sync(lambda: [metric(answer, right) for answer, right in pairs])
