"""Skill: the split by content hash, and what a definition may not be."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from promptbreeder.skill import Example, Settings, Skill, Split, Weights, input_hash
from promptbreeder.text import as_seen

INPUTS = st.text(min_size=1, max_size=40).filter(lambda text: as_seen(text) != "")


def skill(**changes: object) -> Skill:
    """Return a skill."""
    return Skill.model_validate({"name": "s", "description": "d", "model": "m", "salt": "salt", **changes})


def test_thirty_thirty_and_forty_in_a_hundred_go_to_train_search_and_gate() -> None:
    """Near enough on ten thousand inputs."""
    splits = [skill().split_of(Example(input=f"input {number}")) for number in range(10_000)]
    shares = [splits.count(split) / 10_000 for split in (Split.TRAIN, Split.SEARCH, Split.GATE)]
    assert shares == pytest.approx([0.3, 0.3, 0.4], abs=0.015)


@given(text=INPUTS)
def test_the_same_input_lands_in_the_same_split_however_it_is_written(text: str) -> None:
    """Else a duplicate could leak from the gate into a demonstration."""
    example = Example(input=text)
    assert skill().split_of(Example(input=f" {text}\t\n", expected="x")) == skill().split_of(example)
    assert input_hash("salt", text) == input_hash("salt", as_seen(text))


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060", "\u034f", "\ufe0f", "\u3164"])
def test_characters_that_cannot_be_seen_make_no_other_input(hidden: str) -> None:
    """Else what reads the same could be in the train split and in the gate; also where they part what is one letter."""
    plain = "Where is my parcel for the caf\u00e9?"
    written = f"{hidden}Where is my par{hidden}cel for the cafe{hidden}\u0301?{hidden}"
    assert input_hash("salt", written) == input_hash("salt", plain)


def test_the_identity_of_an_input_is_what_it_ever_was() -> None:
    """What is stored goes by it: case and white space aside, all that may be seen counts, on every Python."""
    texts = ("Where  is my Parcel?", "Stra\u00dfe \u4f60\u597d \U0001f600", "unassigned \u0378 and private \ue000")
    for text in texts:
        of_the_first_release = hashlib.sha256(f"salt\0{' '.join(text.casefold().split())}".encode()).hexdigest()
        assert input_hash("salt", text) == of_the_first_release


def test_another_salt_splits_otherwise() -> None:
    """The split of one skill tells nothing about the split of another."""
    examples = [Example(input=f"input {number}") for number in range(100)]
    assert [skill().split_of(e) for e in examples] != [skill(salt="other").split_of(e) for e in examples]


def test_salt_and_input_cannot_be_mixed_up() -> None:
    """A part of the input that moves into the salt makes another identity."""
    assert input_hash("a", "b c") != input_hash("a b", "c")


def test_a_split_set_by_hand_holds() -> None:
    """Benchmarks bring their own."""
    for split in Split:
        assert skill().split_of(Example(input="x", split=split)) == split


@pytest.mark.parametrize("name", ["a", "0", "ticket-route", "a--b-", "x" * 64])
def test_a_slug_is_a_name(name: str) -> None:
    """Lower case, digits and dashes, up to 64 of them."""
    assert skill(name=name).name == name


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a b", "a/b", "a\n", "é", "x" * 65, "a.b"])
def test_anything_else_is_none(name: str) -> None:
    """It becomes part of URIs and file names."""
    with pytest.raises(ValidationError, match="is not a skill name"):
        skill(name=name)


def test_without_labels_only_free_decoding_makes_sense() -> None:
    """With labels the skill's settings decide, in their order."""
    allowed = {"settings": {"allowed_decoding": ["calibrated", "free"]}}
    assert skill(**allowed).decodings == ("free",)
    assert skill(**allowed, labels=["a", "b"]).decodings == ("calibrated", "free")


@pytest.mark.parametrize(
    "change",
    [{"labels": ("a", "b", "c")}, {"metric": "f1"}, {"settings": {"max_answer_tokens": 3}}, {"labels": ("b", "a")}],
)
def test_measurements_under_other_rules_are_other_measurements(change: dict[str, object]) -> None:
    """Labels, their order, metric and limits decide what an answer is and whether it is right."""
    known = skill(labels=("a", "b"))
    assert skill(**{"labels": ("a", "b"), **change}).measured_on("model") != known.measured_on("model")
    assert skill(labels=("a", "b"), description="other").measured_on("model") == known.measured_on("model")
    assert known.measured_on("model") != known.measured_on("other")
    assert known.measured_on("model").endswith(known.judged)


@given(accuracy=st.floats(0, 1), latency=st.floats(0, 1), preference=st.floats(0, 1))
def test_weights_add_up_to_1(accuracy: float, latency: float, preference: float) -> None:
    """Within rounding, as people write them."""
    total = accuracy + latency + preference
    if abs(total - 1) > 2e-6:
        with pytest.raises(ValidationError, match="make accuracy"):
            Weights(accuracy=accuracy, latency=latency, preference=preference)
    if total > 0:
        scaled = [round(part / total, 7) for part in (accuracy, latency, preference)]
        assert Weights(accuracy=scaled[0], latency=scaled[1], preference=scaled[2])


def test_settings_survive_json() -> None:
    """A preset is stored as its numbers."""
    settings = Settings.model_validate({"weights": "fast", "allowed_decoding": ["free"]})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_an_example_is_scrubbed_before_it_is_measured() -> None:
    """What is invisible is no input, and lengths count what is left."""
    assert Example(input="a\0b\udcff\r\n", expected="é").model_dump() == {
        "input": "ab\n",
        "expected": "é",
        "split": None,
    }
    with pytest.raises(ValidationError, match="must not be empty"):
        Example(input="\0\udcff ")
    assert Example(input="x" * 16_000 + "\0" * 5).input == "x" * 16_000


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("ollama:smollm2:360m", "smollm2"),
        ("embedded:smollm2:135m", "smollm2"),
        ("embedded:/models/SmolLM2-1.7B-Instruct.Q8_0.gguf", "smollm2"),
        ("ollama:hf.co/someone/Qwen2.5-0.5B:Q4", "qwen2.5"),
        ("ollama:llama3.2:1b", "llama3.2"),
        ("scripted", "scripted"),
    ],
)
def test_a_model_belongs_to_a_family_whatever_its_size_and_backend(model: str, family: str) -> None:
    """What is learnt on a small member is tried on a larger one, and not on strangers."""
    assert skill(model=model).family == family


@pytest.mark.parametrize(
    ("metric", "labels", "revised"),
    [
        ("label", ["yes", "no"], False),
        ("label", ["1", "2"], False),
        ("label", ["好", "坏"], False),
        ("label", ["A", "B"], True),
        ("f1", [], False),
        ("json", [], True),
        ("list", [], True),
        ("number", [], True),
    ],
)
def test_only_what_a_metric_judges_otherwise_today_is_measured_anew(
    metric: str, labels: list[str], *, revised: bool
) -> None:
    """Answers judged by an older rule are not compared with answers judged by today's; all others still count."""
    known = skill(metric=metric, labels=labels)
    rules = (known.metric, known.labels, known.answer_tokens, known.settings.number_tolerance)
    of_the_first_release = hashlib.sha256(repr(rules).encode()).hexdigest()[:12]
    assert (known.judged != of_the_first_release) is revised


@pytest.mark.parametrize(
    ("metric", "labels", "read"),
    [
        ("label", ["Bug fix", "docs"], ("Bug fix", "docs", None, "other")),
        ("exact", ["Bug fix", "docs"], ("Bug fix", "docs", None, "other")),
        ("exact", [], (" bug  FIX", "DOCS", None, "other")),
        ("regex", ["Bug fix", "docs"], (" bug  FIX", "DOCS", None, "other")),
    ],
)
def test_answers_are_read_as_their_labels_are_written(
    metric: str, labels: list[str], read: tuple[str | None, ...]
) -> None:
    """Wherever the metric lets letters and spacing pass; a pattern is no label in other letters."""
    assert skill(metric=metric, labels=labels).as_labels([" bug  FIX", "DOCS", None, "other"]) == read
