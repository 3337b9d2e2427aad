"""From a name to a backend, and from a name to a file."""

import importlib.util
import json
from pathlib import Path

import pytest

from promptbreeder.errors import InvalidInput, ModelMissing
from promptbreeder.models import weights
from promptbreeder.models.choosing import Models

pytestmark = pytest.mark.anyio


@pytest.fixture
def ollama(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of an Ollama that has pulled smollm2:360m."""
    manifest = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "smollm2" / "360m"
    manifest.parent.mkdir(parents=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:1"},
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:2"},
    ]
    manifest.write_text(json.dumps({"layers": layers}))
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "sha256-2").write_bytes(b"GGUF")
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    return tmp_path


NOWHERE = "127.0.0.1:1"
"""Nothing listens there."""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("embedded", "embedded:smollm2:135m"),
        ("embedded:smollm2:135m", "embedded:smollm2:135m"),
        ("embedded:smollm2:360m", "embedded:smollm2:360m"),
        ("embedded:{file}", "embedded:{file}"),
        ("ollama:smollm2:360m", "ollama:smollm2:360m"),
        ("ollama:hf.co/a/b:Q8_0", "ollama:hf.co/a/b:Q8_0"),
        ("scripted", "scripted"),
    ],
)
async def test_a_name_gives_a_model_that_is_not_open(name: str, found: str, ollama: Path) -> None:
    """Each says its full name, and that is what a skill keeps."""
    models, file = Models(ollama), ollama / "b.gguf"
    file.touch()
    name, found = name.format(file=file), found.format(file=file)
    assert models.make(name).name == found
    assert await models.resolve(name) == found


@pytest.mark.parametrize("name", ["embedded:b.gguf", "embedded:./b.gguf", "embedded:~/b.gguf", "embedded:{file}"])
async def test_a_file_is_named_from_the_root(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever folder a skill was defined in, a server that is started elsewhere finds it, and it is one model."""
    file = tmp_path / "b.gguf"
    file.touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert await Models(tmp_path).resolve(name.format(file=file)) == f"embedded:{file}"


@pytest.mark.parametrize(
    ("name", "way_out"),
    [("embedded:/nope.gguf", "put the file there, or correct the setting"), ("embedded:smollm2:1.7b", "ollama pull")],
)
async def test_a_file_that_is_named_must_be_there_before_a_skill_keeps_its_name(
    name: str, way_out: str, ollama: Path
) -> None:
    """A skill stays on its model, so a slip would be for good."""
    with pytest.raises(ModelMissing, match=way_out):
        await Models(ollama).resolve(name)


@pytest.mark.parametrize("name", ["", "gpt", "smollm2:135m", "Embedded", "auto"])
def test_any_other_name_is_no_model(name: str, tmp_path: Path) -> None:
    """The error lists what there is."""
    with pytest.raises(InvalidInput, match="use auto, ollama"):
        Models(tmp_path).make(name)


@pytest.mark.parametrize("name", ["ollama:smollm2", "ollama:", "ollama:hf.co/a/b"])
def test_a_model_of_ollama_is_named_with_its_size(name: str, tmp_path: Path) -> None:
    """Without one, Ollama would take its default, which is a large one."""
    with pytest.raises(InvalidInput, match="does not say the size"):
        Models(tmp_path).make(name)


async def test_auto_is_the_embedded_model_where_no_ollama_answers(tmp_path: Path) -> None:
    """And it is the first of those that can be used."""
    models = Models(tmp_path, ollama_host=NOWHERE)
    assert await models.resolve("auto") == "embedded:smollm2:135m"
    assert [model.name for model in await models.usable()] == ["embedded:smollm2:135m", "scripted"]


async def test_without_any_engine_auto_names_the_ways_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start Ollama, install an engine, or try the scripted model."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelMissing, match=r"(?s)Ollama.*\[embedded\].*scripted"):
        await Models(tmp_path, ollama_host=NOWHERE).resolve("auto")


@pytest.mark.parametrize("name", ["auto", "scripted", "embedded:/a/b.gguf", "smollm2:360m"])
async def test_what_cannot_be_got_is_refused(name: str, tmp_path: Path) -> None:
    """The error says what can be."""
    with pytest.raises(InvalidInput, match="cannot be got; use ollama:smollm2:360m"):
        _ = [step async for step in Models(tmp_path, ollama_host=NOWHERE).pull(name)]


def test_the_bundled_weights_are_found(tmp_path: Path) -> None:
    """By either of their names."""
    assert weights.find("", tmp_path) == weights.find("smollm2:135m", tmp_path)
    assert weights.find("", tmp_path).suffix == ".gguf"


def test_bundled_weights_that_are_not_installed_are_an_error_with_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fetch them, or name a file."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelMissing, match=r"(?s)pull embedded.*PROMPTBREEDER_MODEL"):
        weights.find("", tmp_path)


def test_fetched_weights_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed, its file counts all the same."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    (tmp_path / weights.FETCHED).mkdir()
    file = tmp_path / weights.FETCHED / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file.touch()
    assert weights.find("", tmp_path) == file


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    """So that a typing error is seen; a skill that has it already needs another name."""
    with pytest.raises(ModelMissing, match=r"no file .*nothing\.gguf, which this skill or a setting.*another name"):
        weights.find(str(tmp_path / "nothing.gguf"), tmp_path)


@pytest.mark.parametrize("tag", ["360m", "360m-instruct-q8_0", "360m-instruct-q4_K_M"])
def test_what_ollama_has_pulled_is_found(ollama: Path, tag: str) -> None:
    """Its manifest names the blob that holds the weights."""
    manifest = ollama / "manifests" / "registry.ollama.ai" / "library" / "smollm2" / "360m"
    manifest.rename(manifest.with_name(tag))
    assert weights.find(f"smollm2:{tag}", ollama) == ollama / "blobs" / "sha256-2"


def test_what_ollama_has_not_pulled_is_an_error_with_the_ways_out(ollama: Path) -> None:
    """Pull it, or name a file; weights that are gone are pulled again."""
    with pytest.raises(ModelMissing, match=r"(?s)ollama pull smollm2:1\.7b.*PROMPTBREEDER_MODEL"):
        weights.find("smollm2:1.7b", ollama)
    (ollama / "blobs" / "sha256-2").unlink()
    with pytest.raises(ModelMissing, match="pull smollm2:360m again"):
        weights.find("smollm2:360m", ollama)


@pytest.mark.parametrize(
    "manifest",
    [
        b"[]",
        b"{}",
        b'{"layers": null}',
        b'{"layers": [1]}',
        b'{"layers": [{"mediaType": "application/vnd.ollama.image.model"}]}',
        b'{"layers": [{"mediaType": null, "digest": 2}]}',
        b"\xff",
        b"",
    ],
)
def test_a_manifest_that_makes_no_sense_is_a_model_that_is_not_there(ollama: Path, manifest: bytes) -> None:
    """Pulling it again writes another."""
    (ollama / "manifests" / "registry.ollama.ai" / "library" / "smollm2" / "360m").write_bytes(manifest)
    with pytest.raises(ModelMissing, match=r"pull (it with `ollama pull )?smollm2:360m"):
        weights.find("smollm2:360m", ollama)


@pytest.mark.parametrize("name", ["smollm2", "../x:y", "a:../../b", "x y:z", ":"])
def test_what_is_neither_a_file_nor_a_model_with_its_size_is_refused(name: str, tmp_path: Path) -> None:
    """No name leads out of Ollama's folder."""
    with pytest.raises(InvalidInput, match="neither"):
        weights.find(name, tmp_path)
