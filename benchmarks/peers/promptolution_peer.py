"""promptolution: EvoPromptGA, EvoPromptDE, OPRO and CAPO, with the parameters of the library's own experiments.

EvoPrompt and CAPO want a population: the seed prompt and nine variations of it that the library asks the writer for.
Steps measure on a block of 30 development lines, as the library's configuration has it; when most of the budget is
used, the last population is measured on all development lines, best first, while the rest lasts.
"""

import random
from typing import Any

import numpy as np
import pandas as pd
from job import AT_ONCE, KEY, Job, found, main
from promptolution.llms import APILLM
from promptolution.optimizers.base_optimizer import BaseOptimizer
from promptolution.optimizers.capo import CAPO
from promptolution.optimizers.evoprompt_de import EvoPromptDE
from promptolution.optimizers.evoprompt_ga import EvoPromptGA
from promptolution.optimizers.opro import OPRO
from promptolution.predictors.base_predictor import BasePredictor
from promptolution.tasks.reward_tasks import RewardTask
from promptolution.utils.callbacks import BaseCallback
from promptolution.utils.prompt import Prompt
from promptolution.utils.prompt_creation import create_prompt_variation
from promptolution.utils.templates import DEFAULT_SYS_PROMPT

OPTIMIZERS = {"EvoPromptGA": EvoPromptGA, "EvoPromptDE": EvoPromptDE, "OPRO": OPRO, "CAPO": CAPO}
POPULATION = 10
BLOCK = 30
"""Lines of a block (the library's default)."""
SEARCH_SHARE = 0.7
"""Of the budget: no step is begun when it is used."""
STEPS = 1_000
"""More than any budget allows."""


class Scored(BasePredictor):
    """Reads answers as the shared scorer does."""

    def __init__(self, llm: APILLM, job: Job) -> None:
        super().__init__(llm)
        self._metric = job.metric
        if job.labels:
            self.extraction_description = (
                f"The task is to classify the texts into one of those classes: {', '.join(job.labels)}."
            )

    def _extract_preds(self, preds: list[str]) -> list[str]:
        return [self._metric(reply, "").answer for reply in preds]


class Enough(BaseCallback):
    """Ends the search while there is something left to choose with."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def on_step_end(self, optimizer: BaseOptimizer) -> bool:
        """Tell whether to go on."""
        del optimizer
        return self._job.used() < SEARCH_SHARE


def _llm(job: Job, model: str, tokens: int, temperature: float) -> APILLM:
    return APILLM(
        api_url=job.url,
        model_id=model,
        api_key=KEY,
        max_concurrent_calls=AT_ONCE,
        max_tokens=tokens,
        call_timeout_s=3_600,
        gather_timeout_s=86_400,
        max_retries=0,
        client_kwargs={"max_retries": 0},
        call_kwargs={"temperature": temperature},
    )


def _table(lines: list[dict[str, str]]) -> pd.DataFrame:
    return pd.DataFrame({"x": [line["input"] for line in lines], "y": [line["expected"] for line in lines]})


def search(job: Job) -> dict[str, Any]:
    """Search until the budget ends; the library stops at the first request that is refused."""
    random.seed(job.seed)
    np.random.seed(job.seed)  # noqa: NPY002 - what the library draws from
    executor, writer = _llm(job, "executor", job.answer_tokens, 0.0), _llm(job, "writer", job.writer_tokens, 0.7)
    metric = job.metric
    task = RewardTask(
        df=_table(job.development),
        reward_function=lambda answer, y: metric(answer, y).score,
        x_column="x",
        y_column="y",
        reward_columns=["y"],
        task_description=job.seed_prompt,
        n_subsamples=BLOCK,
        eval_strategy="sequential_block",
        seed=job.seed,
    )
    predictor = Scored(executor, job)
    best = [Prompt(job.seed_prompt)]
    try:
        population = [job.seed_prompt]
        if job.method != "OPRO":
            population += create_prompt_variation([job.seed_prompt] * (POPULATION - 1), writer)
        more = {"df_few_shots": _table(job.train)} if job.method == "CAPO" else {}
        optimizer = OPTIMIZERS[job.method](
            predictor=predictor,
            task=task,
            meta_llm=writer,
            initial_prompts=population,
            callbacks=[Enough(job)],
            **more,
        )
        optimizer.optimize(n_steps=STEPS)
        # None where the budget ended CAPO before its first race.
        scores = np.nan_to_num(np.asarray(optimizer.scores, dtype=float), nan=-1.0)
        pairs = sorted(zip(optimizer.prompts, scores, strict=False), key=lambda pair: -pair[1])
        best = [prompt for prompt, _ in pairs] or best
    except RuntimeError as error:
        # Before the first step it does not catch what the endpoint refuses: then the seed prompt is all there is.
        if not job.exhausted():
            raise
        print(f"the budget did not last to the first step: {error}")
    chosen = _chosen(job, task, predictor, best)
    return found(
        "promptolution",
        instruction=chosen.instruction,
        demonstrations=len(chosen.few_shots),
        messages=[
            {"role": "system", "content": DEFAULT_SYS_PROMPT},
            {"role": "user", "content": f"{chosen}\n{job.place}"},
        ],
        state={"instruction": chosen.instruction, "few_shots": chosen.few_shots},
    )


def _chosen(job: Job, task: RewardTask, predictor: Scored, best: list[Prompt]) -> Prompt:
    """Return the best on all development lines among those that could still be measured on them, best first."""
    measured: list[tuple[float, Prompt]] = []
    try:
        for prompt in dict.fromkeys(best):
            score = task.evaluate(prompt, predictor, eval_strategy="full").agg_scores[0]
            measured.append((float(score), prompt))
    except RuntimeError as error:
        if not job.exhausted():
            raise
        print(f"the budget ended the choice: {error}")
    return max(measured, key=lambda pair: pair[0])[1] if measured else best[0]


def answer(job: Job) -> list[str]:
    """Answer as its predictor does, before anything is read out of the replies."""
    prompt = Prompt(job.found["instruction"], job.found["few_shots"])
    executor = _llm(job, "executor", job.answer_tokens, 0.0)
    return executor.get_response([f"{prompt}\n{text}" for text in job.inputs])


if __name__ == "__main__":
    main(search, answer)
