"""Brief: what an assistant, or anybody else, needs to know to write better prompts for a run.

Of examples it holds failures on the train split alone: what a writer saw must not be what prompts are measured on.
"""

from collections.abc import Mapping

from promptbreeder.prompt import MAX_PROMPT_CHARACTERS, strictest
from promptbreeder.requests import MAX_CANDIDATES
from promptbreeder.results import Brief, Failure
from promptbreeder.runs.plan import Plan
from promptbreeder.skill import Split
from promptbreeder.store import examples, runs
from promptbreeder.store.examples import StoredExample
from promptbreeder.store.tables import Tables
from promptbreeder.text import shortened
from promptbreeder.usecases.quoting import SEVERAL
from promptbreeder.usecases.run_facts import Probed, RunProgress, plan_of
from promptbreeder.usecases.workbench import Workbench

_SHOWN_INPUT = 300


async def brief(bench: Workbench, run_id: str) -> Brief:
    """Return the brief of a run, as far as it went.

    Raises:
        NotFound: if there is no such run.
    """

    def look(db: Tables) -> tuple[runs.Run, Mapping[int, StoredExample]]:
        run = runs.get(db, run_id)
        # What was corrected or deleted since is left out.
        return run, {example.id: example for example in examples.of_split(db, run.skill, Split.TRAIN)}

    run, train = await bench.store.read(look)
    plan = plan_of(run)
    progress = RunProgress.model_validate_json(run.progress) if run.progress else RunProgress()
    known = [(train[number], probed) for probed in progress.probed if (number := plan.train_ids[probed.item]) in train]
    return Brief(
        task=plan.skill.description,
        labels=plan.skill.labels,
        best=progress.leaders,
        attempted=len(known),
        failures=tuple(_failure(example, probed) for example, probed in known if not probed.right),
        tried={name: f"{record.better:g}/{record.tried:g}" for name, record in progress.operators.items()},
        limits=_limits(plan),
        answer_with=_answer_with(run),
    )


def _failure(example: StoredExample, probed: Probed) -> Failure:
    return Failure(
        input=shortened(example.input, _SHOWN_INPUT), expected=example.expected or "", answered=shortened(probed.answer)
    )


def _limits(plan: Plan) -> str:
    decoding = strictest(plan.skill.decodings)
    return (
        "Write instructions only: each is tried as it is, and with demonstrations and layout of the best prompt once "
        f"that has demonstrations; answers are taken by {decoding} decoding. At most {MAX_CANDIDATES} prompts of "
        f"{MAX_PROMPT_CHARACTERS:,} characters; small models follow short, plain ones best. One that contains a gate "
        f"example in whatever case and punctuation, or {SEVERAL} short ones together, is refused, and all that came "
        "with it."
    )


def _answer_with(run: runs.Run) -> str:
    if not run.can_go_on:
        how = "has ended" if run.has_ended else "was cancelled"
        return (
            f"The run {how}: evolve_prompt(skill='{run.skill}', candidates=[...], seed=another) starts a new one "
            "with your prompts in its first population."
        )
    return (
        f"Hand your prompts in with evolve_prompt(skill='{run.skill}', run_id='{run.run_id}', candidates=[...]); they "
        "come in with the next generation."
    )
