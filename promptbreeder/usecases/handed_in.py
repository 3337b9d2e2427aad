"""What became of the candidates that were handed in to a run."""

from promptbreeder.prompt import Prompt
from promptbreeder.results import Candidates
from promptbreeder.runs.guests import Fate
from promptbreeder.store import immigrants, runs
from promptbreeder.store.tables import Tables
from promptbreeder.usecases.run_facts import RunProgress, plan_of


def candidates_of(db: Tables, run: runs.Run) -> Candidates | None:
    """Return how many different ones were handed in, and how they did; None where there were none, or it is not known.

    What was handed in is the store's to know, also before a driver takes it; what was measured, the driver's.
    """
    plan = plan_of(run)
    later = (Prompt.model_validate_json(text) for text in immigrants.handed_in(db, run.run_id))
    handed_in = {prompt.content_hash for prompt in (*plan.guests, *later)} - {plan.seeds[0].content_hash}
    fate = RunProgress.model_validate_json(run.progress).guests if run.progress else Fate(0)
    if not handed_in or fate is None:
        return None
    return Candidates(
        handed_in=len(handed_in),
        measured=fate.measured,
        unmeasured=len(handed_in) - fate.measured,
        best=fate.best,
        baseline=fate.baseline,
        examples=fate.examples,
    )


def unmeasured(found: Candidates | None) -> str:
    """Say that the run has ended without measuring some of them: they must not vanish in silence."""
    if found is None or not found.unmeasured:
        return ""
    return (
        f" {found.unmeasured} of the candidates handed in could not be measured before the search ended; give them to "
        "the next run."
    )
