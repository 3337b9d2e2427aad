"""Getting models into an Ollama, over the stand-in: from its library, and from the packaged file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ollama_standin import StandIn
from promptbreeder.errors import InvalidInput, ModelMissing, ModelUnreachable, WeightsMissing
from promptbreeder.models import weights
from promptbreeder.models.base import Generate, Pulled, Sampling
from promptbreeder.models.choosing import PACKAGED, Models
from promptbreeder.models.ollama.pulling import TEMPLATE
from promptbreeder.prompt import Message

pytestmark = pytest.mark.anyio
Get = Callable[..., object]


@pytest.fixture
def models(standin: StandIn, tmp_path: Path) -> Models:
    """Return the catalog of a user with that Ollama."""
    return Models(tmp_path, ollama_host=standin.host)


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a small file in the place of the packaged weights."""
    file = tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file.write_bytes(b"GGUF" + b"weights " * 400_000)
    monkeypatch.setattr(weights, "find", lambda *_: file)
    return file


async def steps(models: Models, name: str = "", *, bundled: bool = False) -> list[Pulled]:
    """Get a model and return what was told."""
    return [step async for step in models.pull(name, bundled=bundled)]


async def test_a_pull_tells_how_far_it_is_and_brings_the_model(standin: StandIn, models: Models) -> None:
    """From the first byte to `success`; then it can be used."""
    told = await steps(models, "ollama:smollm2:360m")
    assert told[-1].status == "success"
    sized = [step for step in told if step.total]
    assert sized
    assert sized[-1].completed == sized[-1].total
    assert "ollama:smollm2:360m" in [model.name for model in await models.usable()]
    assert standin.loads == 0


async def test_an_interrupted_pull_goes_on_where_it_stopped(standin: StandIn, models: Models) -> None:
    """What has come stays, and the error says so."""
    standin.faults.pull_failures = 1
    with pytest.raises(ModelMissing, match="same command goes on"):
        await steps(models, "ollama:smollm2:360m")
    told = [step.completed for step in await steps(models, "ollama:smollm2:360m") if step.total]
    assert told[0] > 0


async def test_what_the_library_has_not_is_an_error(models: Models) -> None:
    """With the server's own reason."""
    with pytest.raises(ModelMissing, match="does not exist"):
        await steps(models, "ollama:nothing:1b")


async def test_a_name_without_its_size_is_not_pulled(standin: StandIn, models: Models) -> None:
    """It would bring a large model."""
    with pytest.raises(InvalidInput, match="does not say the size"):
        await steps(models, "ollama:smollm2")
    assert not standin.requests


@pytest.mark.usefixtures("packaged")
async def test_the_packaged_model_is_made_known_without_internet(standin: StandIn, models: Models) -> None:
    """Under a name of its own, as the first SmolLM2 that auto finds, asked in ChatML; the library's stays as it is."""
    before = await models.usable()
    assert (await steps(models, bundled=True))[-1].status == "success"
    assert len(await models.usable()) == len(before) + 1
    standin.remove_model("smollm2:135m")
    assert await models.resolve("auto") == f"ollama:{PACKAGED}"
    model = models.make(f"ollama:{PACKAGED}")
    await model.open()
    assert "format=chatml" in model.fingerprint
    block = await model.generate([Generate((Message("user", "Hello"),), Sampling(max_tokens=4))])
    assert block.answers[0].failure is None
    await model.aclose()


async def test_a_file_that_the_server_has_is_not_sent_again(standin: StandIn, models: Models, packaged: Path) -> None:
    """The second time only the model is made."""
    await steps(models, bundled=True)
    await steps(models, bundled=True)
    path = f"/api/blobs/sha256:{weights.digest(packaged)}"
    assert [method for method, asked, _ in standin.requests if asked == path] == ["HEAD", "POST", "HEAD"]


async def test_without_the_packaged_file_the_error_says_how_to_get_it(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent then."""
    monkeypatch.setattr(weights, "_PLUGIN", "not_installed")
    with pytest.raises(WeightsMissing, match="pull embedded"):
        await steps(models, bundled=True)


async def test_without_a_server_nothing_is_pulled(standin: StandIn, models: Models) -> None:
    """The error says how to start one."""
    standin.crash()
    with pytest.raises(ModelUnreachable, match="ollama serve"):
        await steps(models, "ollama:smollm2:360m")


def test_the_template_is_chatml() -> None:
    """Nothing but the turns: no system text of its own."""
    assert TEMPLATE.count("<|im_start|>") == 2
    assert "system" not in TEMPLATE
