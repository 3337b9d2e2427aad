"""Run a skill on an input."""

import secrets

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.evaluator import Answer
from promptbreeder.evaluation.meter import Meter
from promptbreeder.results import Answered
from promptbreeder.skill import MAX_EXAMPLE_CHARACTERS, Skill
from promptbreeder.store import calls, evaluations, skills, versions
from promptbreeder.store.tables import Tables
from promptbreeder.store.versions import Version
from promptbreeder.text import scrub
from promptbreeder.usecases.ab_tests import offer
from promptbreeder.usecases.measuring import prior_of
from promptbreeder.usecases.workbench import Workbench


async def run_skill(bench: Workbench, name: str, text: str, number: int | None) -> Answered:
    """Answer one input with a version of the skill's prompt (default: production), on the skill's model."""
    text = checked_input(text)
    skill, version = await bench.store.read(lambda db: (skills.get(db, name), _version(db, name, number)))
    answer = await execute(bench, skill, version, text)
    call_id = f"c-{secrets.token_hex(6)}"
    model = await bench.model(skill.model)
    notice = await _notice(bench, skill, version, model.fingerprint)
    if notice is None and number is None:
        notice = await offer(bench, name, text, model.weights)
    await bench.store.write(
        lambda db: calls.add(
            db, call_id=call_id, skill=name, version=version.n, text=text, answer=answer.text, now=bench.clock()
        )
    )
    return Answered(
        call_id=call_id,
        skill=name,
        version=version.n,
        answer=answer.text,
        decoding=version.prompt.decoding,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        label_logprobs=dict(zip(skill.labels, answer.logprobs, strict=True)) if answer.logprobs else None,
        failure=answer.failure,
        notice=notice,
    )


async def _notice(bench: Workbench, skill: Skill, version: Version, fingerprint: str) -> str | None:
    """Say that the version was measured on another model than the one that answers now."""
    measured = await bench.store.read(lambda db: evaluations.models(db, skill.name, version.n))
    if not measured or any(skill.same_model(one, fingerprint) for one in measured):
        return None
    return (
        f"{skill.model} is not the model that version {version.n} was measured on: it has changed since. "
        f"get_fitness('{skill.name}', {version.n}) measures it anew"
    )


async def execute(bench: Workbench, skill: Skill, version: Version, text: str) -> Answer:
    """Return the executor's answer to one input under a version, decoded as the version says."""
    prior = await prior_of(bench, skill, version, version.prompt)
    evaluator = await bench.evaluator(skill)
    return (await evaluator.answer(version.prompt, [text], Meter(), prior=prior))[0]


def checked_input(text: str) -> str:
    """Return the scrubbed input of a skill.

    Raises:
        InvalidInput: if it is blank or too long.
    """
    text = scrub(text)
    if not text.strip():
        raise InvalidInput("the input is empty; give the text that the skill should work on")
    return within_limit(text)


def within_limit(text: str) -> str:
    """Return the input as it is; raises InvalidInput if it is too long."""
    if len(text) > MAX_EXAMPLE_CHARACTERS:
        raise InvalidInput(f"the input has {len(text):,} characters; {MAX_EXAMPLE_CHARACTERS:,} are the most")
    return text


def _version(db: Tables, name: str, number: int | None) -> Version:
    return versions.production(db, name) if number is None else versions.get(db, name, number)
