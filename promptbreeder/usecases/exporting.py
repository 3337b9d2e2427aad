"""Take a version away: what is needed of the store and the model to write it down."""

from typing import Literal

from promptbreeder.errors import InvalidInput, ModelError
from promptbreeder.exports.carried import Carried
from promptbreeder.exports.chat import chat
from promptbreeder.exports.modelfile import modelfile
from promptbreeder.exports.snippet import snippet
from promptbreeder.likely_keys import masked
from promptbreeder.prompt import Decoding
from promptbreeder.results import Accuracy
from promptbreeder.store import skills, versions
from promptbreeder.usecases.measuring import gate_accuracies, prior_of
from promptbreeder.usecases.workbench import Workbench

Form = Literal["modelfile", "messages", "python"]
_WRITERS = {"modelfile": modelfile, "messages": chat, "python": snippet}


async def export_version(bench: Workbench, name: str, form: Form, number: int | None, *, redact: bool = False) -> str:
    """Return a version (default: production) as a text that works without this program.

    With `redact` likely keys are left out of it. What each way of decoding is worth is measured if it is not known,
    for the text says it.

    Raises:
        InvalidInput: if the version takes two steps, which no such text can do, or the model another chat format than
            ChatML, which messages alone can.
        ModelError: if the skill's model cannot be had.
    """
    skill = await bench.store.read(lambda db: skills.get(db, name))
    if not skill.model.startswith(("ollama:", "embedded:")):
        raise InvalidInput(f"'{name}' is on {skill.model}, which runs nowhere else; export it --as bundle")
    version = await bench.store.read(
        lambda db: versions.production(db, name) if number is None else versions.get(db, name, number)
    )
    if version.prompt.second_instruction:
        raise InvalidInput(
            f"version {version.n} works in two steps (a working-out, then the answer), which a {form} export cannot "
            "do; export it --as bundle, or take a version with one step"
        )
    chatml = await _is_asked_in_chatml(bench, skill.model, form)
    if not chatml and form != "messages":
        raise InvalidInput(
            f"{skill.model} is asked with messages, by its own template, which a {form} export cannot do; export it "
            "--as messages"
        )
    ways = (Decoding.FREE, Decoding.CONSTRAINED, version.prompt.decoding) if skill.labels else (Decoding.FREE,)
    measured = await gate_accuracies(bench, skill, version, tuple(dict.fromkeys(ways)))
    carried = Carried(
        skill=name,
        version=version.n,
        model=skill.model,
        prompt=version.prompt,
        labels=skill.labels,
        answer_tokens=skill.answer_tokens,
        prior=await prior_of(bench, skill, version, version.prompt),
        chatml=chatml,
        accuracies={decoding: _words(accuracy) for decoding, accuracy in measured.items()},
    )
    text = _WRITERS[form](carried)
    return masked(text) if redact else text


async def _is_asked_in_chatml(bench: Workbench, model: str, form: Form) -> bool:
    if model.startswith("embedded:"):
        # They are asked in nothing else: no need to load one.
        return True
    try:
        return (await bench.model(model)).limits.chatml
    except ModelError:
        # Messages are rendered by whoever takes them; what ends an answer there does no harm elsewhere.
        if form == "messages":
            return True
        raise


def _words(accuracy: Accuracy) -> str:
    return f"{accuracy.accuracy:.2f} [{accuracy.low:.2f}-{accuracy.high:.2f}], n={accuracy.n}"
