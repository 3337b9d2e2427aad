"""Runs through Ollama: the main job, everything that can happen to the server meanwhile, two models at once."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ollama_standin import ScriptedBrain, StandIn
from promptbreeder.errors import ModelMissing
from promptbreeder.models.choosing import Models
from promptbreeder.models.ollama import wire
from promptbreeder.requests import Actor, EvolveRequest, SkillDefinition
from promptbreeder.service import Service

pytestmark = pytest.mark.anyio
MODEL = "ollama:smollm2:135m"
WRITER = "ollama:qwen2.5:7b"
WORDS = {"billing": "invoice refund charge", "delivery": "parcel courier doorstep", "technical": "crash login screen"}
Ollama = Callable[..., Service]


class Script:
    """What the server's models say: right once there are demonstrations, else one label whatever is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self._then: tuple[int, Callable[[], object]] | None = None

    def after(self, count: int, action: Callable[[], object]) -> None:
        """Let something happen when so many more questions were asked."""
        self._then = (self.asked + count, action)

    def labels(self, prompt: str) -> dict[str, float]:
        """Return the weights of the labels for an item."""
        self.asked += 1
        if self._then is not None and self.asked == self._then[0]:
            self._then[1]()
        item = prompt.rpartition("<|im_start|>user\n")[2]
        right = next(
            (label for label, words in WORDS.items() if any(word in item for word in words.split())), "billing"
        )
        shown = prompt.count("<|im_start|>assistant")
        return {**dict.fromkeys(WORDS, 1.0), "technical": 2.0, right: 1.5 if shown == 1 else 6.0}


@pytest.fixture
def script() -> Script:
    """Return what the models say."""
    return Script()


@pytest.fixture
def server(script: Script) -> Iterator[StandIn]:
    """Yield a stand-in whose models need demonstrations."""
    brain = ScriptedBrain(labels=script.labels)
    with StandIn(brain, models=("smollm2:135m", "qwen2.5:7b"), slots=2) as standin:
        yield standin


@pytest.fixture
def ollama(server: StandIn, open_service: Callable[..., Service], tmp_path: Path) -> Ollama:
    """Return a maker of services on that server."""
    models = Models(tmp_path / "models", ollama_host=server.host)

    def make(name: str, **changes: object) -> Service:
        fields = {"make_catalog": lambda: models, "default_model": "auto", **changes}
        return open_service(tmp_path / f"{name}.db", **fields)

    return make


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy server be asked again at once."""
    monkeypatch.setattr(wire, "BUSY_PAUSES", [0.0])


async def test_the_main_job_runs_through_ollama(
    ollama: Ollama, evolve: Callable[..., Any], ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> None:
    """A skill goes in, is bound to the SmolLM2 that Ollama holds, and comes out better, promoted, and back again."""
    async with ollama("main") as service:
        await service.define_skill(ticket_skill(), actor)
        assert (await service.skills())[0].model == MODEL
        run = await evolve(service)
        assert (run.status, run.version) == ("finished", 2)
        table = await service.table("tickets", 2)
        rows = {row.name: row.accuracy for row in table if row.accuracy is not None}
        assert rows["evolved prompt"] > rows["your prompt, choosing among the labels"]
        await service.promote("tickets", 2, "better", actor)
        answer = await service.run_skill("tickets", "My parcel is late")
        assert (answer.answer, answer.version, answer.notice) == ("delivery", 2, None)
        assert (await service.rollback("tickets", "changed my mind", actor)).after == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [{"drop": 1}, {"html": 1}, {"busy": 99}, {"error_mid_stream": 1}, {"crash": True}])
async def test_a_fault_pauses_a_run_and_the_same_call_goes_on(  # noqa: PLR0917  fixtures
    server: StandIn,
    script: Script,
    ollama: Ollama,
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
    tmp_path: Path,
    journal: Callable[[Path], list[Any]],
    winner: Callable[[Path], Any],
    fault: dict[str, Any],
) -> None:
    """Nothing is lost: the run that was disturbed has the journal and the winner of one that was not."""

    def disturb() -> None:
        for name, value in fault.items():
            setattr(server.faults, name, value)

    definition = ticket_skill(salt="same")
    for name in ("calm", "disturbed"):
        async with ollama(name) as service:
            await service.define_skill(definition, actor)
    async with ollama("calm") as service:
        await evolve(service)
    async with ollama("disturbed") as service:
        # In the middle: the rates are known by then, and the first blocks are measured.
        script.after(60, disturb)
        run = await evolve(service)
        assert run.status == "paused"
        assert "Ollama" in run.verdict or "Ollama" in run.next_step
    server.reset()
    if "crash" in fault:
        server.revive()
    async with ollama("disturbed", hours=1) as service:
        assert (await evolve(service)).status == "finished"
    assert [asked[:4] for asked in journal(tmp_path / "disturbed.db")] == [
        asked[:4] for asked in journal(tmp_path / "calm.db")
    ]
    assert winner(tmp_path / "disturbed.db")[0] == winner(tmp_path / "calm.db")[0]


async def test_other_weights_under_the_same_name_pause_a_run(  # noqa: PLR0917  fixtures
    server: StandIn,
    script: Script,
    ollama: Ollama,
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """What was measured on the old weights is not mixed with the new ones, and a new run goes by the new."""
    async with ollama("changed") as service:
        await service.define_skill(ticket_skill(), actor)
        script.after(60, lambda: server.add_model("smollm2:135m", digest="e" * 64))
        run = await evolve(service)
        assert run.status == "paused"
        assert "is not what it was" in run.verdict + run.next_step
        again = await evolve(service)
        assert again.status == "paused"
        assert "cannot be replayed" in again.verdict + again.next_step
        await service.cancel_run(run.run_id, actor)
        assert (await evolve(service)).status == "finished"


async def test_a_skill_whose_model_changed_says_so_at_its_next_use(
    server: StandIn, ollama: Ollama, ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> None:
    """The notice stays until the version is measured on what answers now."""
    async with ollama("noticed") as service:
        await service.define_skill(ticket_skill(), actor)
        await service.fitness("tickets", 1)
        assert (await service.run_skill("tickets", "a parcel")).notice is None
        server.add_model("smollm2:135m", digest="d" * 64)
        assert "has changed since" in str((await service.run_skill("tickets", "a parcel")).notice)
        await service.fitness("tickets", 1)
        assert (await service.run_skill("tickets", "a parcel")).notice is None


async def test_a_skill_whose_model_is_gone_never_moves_to_another(
    server: StandIn, ollama: Ollama, ticket_skill: Callable[..., SkillDefinition], actor: Actor
) -> None:
    """The error says how to get it back; when it is, everything goes on."""
    async with ollama("gone") as service:
        await service.define_skill(ticket_skill(), actor)
        server.remove_model("smollm2:135m")
        with pytest.raises(ModelMissing, match="pull ollama:smollm2:135m"):
            await service.run_skill("tickets", "a parcel")
        assert (await service.skills())[0].model == MODEL
        server.add_model("smollm2:135m")
        assert (await service.run_skill("tickets", "a parcel")).answer


async def test_one_model_writes_and_another_executes(  # noqa: PLR0917  fixtures
    server: StandIn,
    ollama: Ollama,
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
    entries: Callable[[Path], list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    """New prompts come from the writer, labels from the executor, and the run keeps both fingerprints."""
    async with ollama("two", default_writer=WRITER) as service:
        await service.define_skill(ticket_skill(), actor)
        assert (await evolve(service, strategy="promptbreeder")).status == "finished"
    asked = [body for _, path, body in server.requests if path == "/api/generate"]
    wrote = [body for body in asked if body["model"] == "qwen2.5:7b" and body["options"]["temperature"] > 0]
    chose = [body for body in asked if body.get("logprobs") and "Which queue" in body["prompt"]]
    assert wrote
    assert {body["model"] for body in chose} == {"smollm2:135m"}
    assert any(entry["kind"] == "write" for entry in entries(tmp_path / "two.db"))


async def test_on_a_server_without_probabilities_prompts_are_evolved_for_free_decoding(
    server: StandIn,
    ollama: Ollama,
    evolve: Callable[..., Any],
    ticket_skill: Callable[..., SkillDefinition],
    actor: Actor,
) -> None:
    """An older Ollama cannot choose among labels: no candidate asks it to."""
    server.version = "0.12.6"
    async with ollama("old") as service:
        await service.define_skill(ticket_skill(), actor)
        run = await evolve(service)
        assert run.status == "finished"
        assert run.best.decoding == "free"
    assert not any(
        "logprobs" in body and "Which queue" in body["prompt"]
        for _, path, body in server.requests
        if path == "/api/generate"
    )


async def test_auto_takes_ollama_only_where_it_holds_a_smollm2(server: StandIn, tmp_path: Path) -> None:
    """The 360m before the 135m; without any, the embedded model."""
    models = Models(tmp_path, ollama_host=server.host)
    assert await models.resolve("auto") == MODEL
    server.add_model("smollm2:360m")
    assert await models.resolve("auto") == "ollama:smollm2:360m"
    assert [model.name for model in await models.usable()][-2:] == [WRITER, "scripted"]
    for name in ("smollm2:360m", "smollm2:135m"):
        server.remove_model(name)
    assert await models.resolve("auto") == "embedded:smollm2:135m"


async def test_the_main_job_runs_through_ollama_on_the_real_weights(
    real_standin: StandIn, open_service: Callable[..., Service], actor: Actor, tmp_path: Path
) -> None:
    """The real SmolLM2 behind the server: evolved, and measured better on unseen examples than the prompt as it was."""
    given = json.loads((Path(__file__).parents[2] / "examples" / "ticket-route.json").read_text(encoding="utf-8"))
    definition = SkillDefinition.parse({**given, "name": "tickets", "examples": given["examples"][:80]})
    models = Models(tmp_path, ollama_host=real_standin.host)
    async with open_service(tmp_path / "real.db", make_catalog=lambda: models, default_model=MODEL) as service:
        await service.define_skill(definition, actor)
        run = await service.evolve(EvolveRequest(skill="tickets", budget_tokens=12_000), actor, wait_seconds=600)
        assert run.status == "finished"
        assert run.version == 2
        table = await service.table("tickets", 2)
        rows = {row.name: row.accuracy for row in table if row.accuracy is not None}
        assert rows["evolved prompt"] > rows["your prompt as it is"]
