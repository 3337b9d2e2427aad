"""Every metric: what counts as right, what as half right, and what as no answer at all."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptbreeder.errors import InvalidInput
from promptbreeder.evaluation.metrics import Metric, label_metric, metric_of, objection_to
from promptbreeder.skill import Skill
from promptbreeder.text import normalise, scrub

LABELS = ("billing", "bug", "bug fix", "Not urgent")
MEASURED = ("label", "exact", "contains", "regex", "number", "list", "json", "f1")
REPLIES = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from([*LABELS, "-", "1.", ",", "\n", "{", '{"a": 1}', '"', "3,5", "-2e3", "**"]), max_size=8
    ).map(" ".join),
)


def skill(metric: str, **changes: object) -> Skill:
    """Return a skill with this metric."""
    labels = LABELS if metric == "label" else ()
    fields = {"name": "s", "description": "d", "metric": metric, "labels": labels, "model": "m", "salt": "s", **changes}
    return Skill.model_validate(fields)


@pytest.fixture
def judge(request: pytest.FixtureRequest) -> Metric:
    """Return the metric that the test's module or parameter names."""
    return metric_of(skill(request.param))


def scored(metric: str) -> pytest.MarkDecorator:
    """Take the metric as a fixture."""
    return pytest.mark.parametrize("judge", [metric], indirect=True)


@pytest.mark.parametrize("metric", MEASURED)
@given(reply=REPLIES, expected=REPLIES)
def test_scores_lie_between_0_and_1(metric: str, reply: str, expected: str) -> None:
    """Whatever a model babbles; where no answer was found there is none to be right."""
    chosen = skill(metric)
    if metric != "label" and objection_to(chosen, expected) is not None:
        return
    verdict = metric_of(chosen)(reply, expected)
    assert 0 <= verdict.score <= 1
    if metric in {"label", "number", "json", "f1"}:
        assert verdict.parsed or verdict.score == 0


@pytest.mark.parametrize("metric", ["exact", "contains"])
@given(expected=st.text(min_size=1, max_size=60).map(scrub).filter(str.strip))
def test_the_expected_text_itself_is_right(metric: str, expected: str) -> None:
    """Also with quotes, stars or dots in it that a model might have put around its answer."""
    assert metric_of(skill(metric))(expected, expected).score == 1


@given(labels=st.lists(st.text("ab. -'\"!", min_size=1, max_size=6), min_size=2, max_size=5, unique_by=normalise))
def test_every_label_names_itself(labels: list[str]) -> None:
    """Also labels that contain each other, or differ in punctuation only."""
    labels = [label for label in labels if label.strip()]
    judge = label_metric(tuple(labels))
    for label in labels:
        assert judge(label, label) == (1.0, True, label)
        assert judge(f"  {label.upper()}\n", label).score == 1


@given(value=st.floats(-1e12, 1e12).filter(lambda value: value == 0 or abs(value) > 1e-3))
def test_every_number_equals_itself(value: float) -> None:
    """However Python writes it: with exponent, sign or decimals."""
    assert metric_of(skill("number"))(f"It is {value}", f"{value!r}").score == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
)


@given(fields=st.dictionaries(st.text(max_size=5), _JSON, max_size=5), extra=st.text("xyz", min_size=6, max_size=8))
def test_a_json_object_equals_itself_and_a_field_more_or_less_costs(fields: dict[str, object], extra: str) -> None:
    """A reply gains nothing by answering more than was asked."""
    judge = metric_of(skill("json"))
    assert judge(f"Sure: {json.dumps(fields)} Done.", json.dumps(fields)).score == 1
    assert judge(json.dumps({**fields, extra: 1}), json.dumps(fields)).score < 1
    assert judge(json.dumps(fields), json.dumps({**fields, extra: 1})).score < 1


@given(items=st.lists(st.text("abc d", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=6))
def test_a_list_equals_itself_in_any_order_and_layout(items: list[str]) -> None:
    """Commas, bullets and numbers are layout; repeating an item gains nothing."""
    judge, expected = metric_of(skill("list")), ", ".join(items)
    for reply in (
        expected,
        "\n".join(f"- {item}" for item in reversed(items)),
        "\n".join(f"{number}. {item}" for number, item in enumerate([*items, items[0]], 1)),
        json.dumps(items),
    ):
        assert judge(reply, expected).score == pytest.approx(1)


@given(words=st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=8))
def test_token_overlap_with_itself_is_complete(words: list[str]) -> None:
    """Order and punctuation do not count, repeated words do."""
    judge, text = metric_of(skill("f1")), " ".join(words)
    assert judge(", ".join(reversed(words)).upper(), text).score == 1
    assert judge(f"{text} zz", text).score < 1


@scored("label")
@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("billing", "billing"),
        (" **Billing.** ", "billing"),
        ("The queue is billing", "billing"),
        ("bug fix", "bug fix"),
        ("It is a bug fix!", "bug fix"),
        ("not   URGENT", "Not urgent"),
        ("bug\nBut billing would do as well", "bug"),
        ("Let me think.\nIt is a bug", "bug"),
    ],
)
def test_a_reply_that_names_one_label_is_that_label(judge: Metric, reply: str, answer: str) -> None:
    """A first line that names one counts before what is chatted after it."""
    assert judge(reply, answer) == (1.0, True, answer)
    assert judge(reply, "other") == (0.0, True, answer)


@scored("label")
@pytest.mark.parametrize("reply", ["", "billing or bug", "debugging", "billings", "none of these", "\n\n"])
def test_a_reply_that_names_none_or_several_labels_is_unparsable(judge: Metric, reply: str) -> None:
    """A part of a word is no label, and a model that lists the labels has not chosen."""
    assert judge(reply, "billing") == (0.0, False, "")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("b", "B"),
        ("B.", "B"),
        ("B. It is a mammal.", "B"),
        ("The answer is B, a mammal", "B"),
        ("I would say D", "D"),
        ("Vitamin c, as a rule", "Vitamin C"),
        ("It is a cat", ""),
        ("c'est la vie", ""),
        ("A or B", ""),
    ],
)
def test_a_label_of_one_letter_is_told_from_a_word(reply: str, answer: str) -> None:
    """An article is no A: in a sentence such a label counts in its own case only, alone and all others in any."""
    judge = label_metric(("A", "B", "C", "D", "Vitamin C"))
    assert judge(reply, "B") == (float(answer == "B"), bool(answer), answer)


@scored("label")
def test_an_expected_label_counts_in_any_case(judge: Metric) -> None:
    """Examples come from people."""
    assert judge("billing", " Billing").score == 1


@scored("exact")
@pytest.mark.parametrize(
    ("reply", "expected", "right"),
    [
        ("Readme.md", "Readme.md", True),
        ("readme.md", "Readme.md", False),
        ('"Readme.md"\n', "Readme.md", True),
        ("**`a  b`**", "a b", True),
        ("“word”", "word", True),
        ("*.py", "*.py", True),
        ("`*.py`", "*.py", True),
        (".py", "*.py", False),
        ('say "no"', 'say "no"', True),
        ("Readme.md is it", "Readme.md", False),
        ("'half", "half", True),
    ],
)
def test_an_exact_answer_may_be_wrapped_but_not_otherwise_changed(
    judge: Metric, reply: str, expected: str, *, right: bool
) -> None:
    """Case and inner marks are part of a file name; quotes and emphasis around it are a model's habit."""
    assert judge(reply, expected).score == right


@scored("contains")
def test_contains_ignores_case_and_spaces(judge: Metric) -> None:
    """The expected text may stand anywhere in the reply."""
    assert judge("Well, NEW\nYORK it is", "new york").score == 1
    assert judge("York, new", "new york") == (0.0, True, "York, new")
    assert judge("  ", "new york").parsed is False


@scored("regex")
def test_a_pattern_is_searched_for_in_the_reply(judge: Metric) -> None:
    """Anchors are the author's business."""
    assert judge("on 2024-05-01.", r"\d{4}-\d\d-\d\d").score == 1
    assert judge("on 2024-05-01.", r"^\d").score == 0
    with pytest.raises(InvalidInput, match="not a regular expression"):
        judge("x", "(")


@scored("regex")
def test_a_search_that_takes_too_long_finds_nothing(judge: Metric) -> None:
    """Whoever judges goes on, and the next pattern is searched for as if nothing had been."""
    assert judge("x" * 34 + "!", "^(x+x+)+$") == (0.0, False, "x" * 34 + "!")
    assert judge("x" * 34, "^(x+x+)+$") == (1.0, True, "x" * 34)


@scored("regex")
def test_a_pattern_means_what_it_means_to_python(judge: Metric) -> None:
    r"""Not what other engines take it for: `\w` is a letter of any script and no mark, and `{e}` is no fuzziness."""
    assert [judge(reply, r"^\w+$").score for reply in ("été", "x²", "हिन्दी")] == [1, 1, 0]
    assert [judge(reply, "^foo{e}$").score for reply in ("foo{e}", "fo")] == [1, 0]
    assert judge("no bar", r"^(?!.*foo).*\b(?i:BAR)$").score == 1


@scored("number")
@pytest.mark.parametrize(
    ("reply", "expected", "right"),
    [
        ("3 and 4 make 7", "7", True),
        ("7, because 3 and 4", "7", False),
        ("1,234.50", "1234.5", True),
        ("-2", "2", False),
        (".5", "0.5", True),
        ("1e3", "1000", True),
        ("7.0000001", "7", True),
        ("7.1", "7", False),
        ("10-12", "12", True),
        ("10-12", "-12", False),
        ("A-7", "7", True),
        ("page_-7", "7", True),
        ("5 - -3", "-3", True),
        ("(-3)", "-3", True),
        ("x=-.5", "-0.5", True),
        ("1-.5", "0.5", True),
        ("2.5e-3", "0.0025", True),
    ],
)
def test_the_last_number_is_the_result(judge: Metric, reply: str, expected: str, *, right: bool) -> None:
    """A model calculates first and says the result last; what joins a number to what stands before it is no sign."""
    assert judge(reply, expected).score == right


@scored("number")
def test_a_reply_without_number_is_unparsable(judge: Metric) -> None:
    """Words are no number."""
    assert judge("seven", "7") == (0.0, False, "")


def test_the_tolerance_of_numbers_is_the_skills() -> None:
    """It bounds the absolute difference, bounds included."""
    judge = metric_of(skill("number", settings={"number_tolerance": 0.5}))
    assert [judge(reply, "2").score for reply in ("2.5", "1.5", "2.51")] == [1, 1, 0]


@scored("list")
@pytest.mark.parametrize(
    ("reply", "expected", "score"),
    [
        ("a, b", "a, b, c, d", 2 / 3),
        ("a, x", "a, b", 1 / 2),
        ("x; y", "a, b", 0),
        ("* A\n* b", "a, b", 1),
        ("1.5, 2.5", "1.5, 2.5", 1),
        ("9.5, 8.5", "1.5, 2.5", 0),
        ("5", "-5", 0),
        ("", "a", 0),
        ("red, green, blue.", "red, green, blue", 1),
        ("red, green, blue", "Red, green, blue.", 1),
        ("UK, U.S.", "U.S., UK", 1),
        ("- Red.\n- Green.\n", "green, red", 1),
        ("1, 2, 3.", "1, 2, 3", 1),
        ("3.", "3", 1),
        ("- 1.\n- 2.", "1, 2", 1),
        ("1. red\n2. green\n3.", "red, green", 1),
        ("1.\nred\n2.\ngreen", "red, green", 1),
    ],
)
def test_a_list_is_graded_by_what_it_shares(judge: Metric, reply: str, expected: str, score: float) -> None:
    """F1 of the items: too many cost as much as too few; a number's sign and decimals are no bullet, a stop no item."""
    assert judge(reply, expected).score == pytest.approx(score)


@scored("json")
@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"name": " ann ", "age": 3}', 1),
        ('Sure! {"age": 3, "name": "ANN"} Anything else?', 1),
        ('{"name": "Ann"}', 1 / 2),
        ('{"name": "Ann", "age": 3, "x": 1}', 2 / 3),
        ('{broken {"name": "Ann", "age": 4}', 1 / 2),
    ],
)
def test_json_is_graded_field_by_field(judge: Metric, reply: str, score: float) -> None:
    """The first object in the reply counts, with text compared as people would."""
    assert judge(reply, '{"name": "Ann", "age": 3}').score == pytest.approx(score)


@scored("json")
@pytest.mark.parametrize(
    ("reply", "expected", "score"),
    [
        ('{"city": "Rome"}', '{"city": "Rome", "due": null}', 1 / 2),
        ('{"city": "Rome", "due": null}', '{"city": "Rome", "due": null}', 1),
        ('{"n": true}', '{"n": 1}', 0),
        ('{"n": 0}', '{"n": false}', 0),
        ('{"n": 1.0}', '{"n": 1}', 1),
    ],
)
def test_null_is_no_missing_field_and_true_is_no_number(judge: Metric, reply: str, expected: str, score: float) -> None:
    """What was expected to be said must be said; numbers are the same however they are written."""
    assert judge(reply, expected).score == pytest.approx(score)


@scored("json")
@pytest.mark.parametrize("reply", ["", "no", "[1]", '{"a": ', "{" * 5_000, '{"a":' * 2_000])
def test_a_reply_without_object_is_unparsable(judge: Metric, reply: str) -> None:
    """Also one that nests deeper than any parser goes."""
    assert judge(reply, '{"a": 1}') == (0.0, False, "")


@scored("json")
@pytest.mark.parametrize("reply", [r'{"mood": "\ud83d"}', r'{"mo\udc00od": {"\u0000": ["\ud83d"]}}'])
def test_a_json_answer_holds_no_character_that_could_not_be_stored(judge: Metric, reply: str) -> None:
    """Also where the reply writes it as an escape, in a value or in a name: that is ASCII until it is decoded."""
    verdict = judge(reply, '{"mood": "glad"}')
    assert verdict.parsed
    assert verdict.answer == scrub(verdict.answer)
    verdict.answer.encode()


@scored("json")
def test_a_long_expected_object_is_read_in_full(judge: Metric) -> None:
    """Only replies are cut off."""
    long = json.dumps({"text": "x" * 5_000, "a": 1})
    assert judge('{"a": 1}', long).score == 1 / 2


@scored("f1")
@pytest.mark.parametrize(
    ("reply", "expected", "score"),
    [("the cat", "the cat sat", 0.8), ("dog", "cat", 0), ("a a a", "a", 0.5), ("", "a", 0)],
)
def test_overlap_of_words_is_graded(judge: Metric, reply: str, expected: str, score: float) -> None:
    """SQuAD's F1 over words, each counted as often as it stands there."""
    assert judge(reply, expected).score == pytest.approx(score)


@pytest.mark.parametrize(
    ("metric", "expected", "objection"),
    [
        ("label", "sales", "not among the labels billing, bug, bug fix, Not urgent"),
        ("regex", "(", "not a regular expression"),
        ("regex", r"^(\w+\s?)+$", r"takes more than a second: it repeats what repeats, as (\w+)+ does"),
        ("json", "[1]", "not a JSON object"),
        ("number", "seven", "no number"),
    ],
)
def test_an_expected_answer_that_can_never_be_right_is_objected_to(metric: str, expected: str, objection: str) -> None:
    """It would fail a run half-way, or make every reply wrong."""
    assert objection in (objection_to(skill(metric), expected) or "")


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("label", "BILLING "), ("regex", "^a+$"), ("json", "{}"), ("number", "about 7"), ("exact", "x"), ("f1", "!")],
)
def test_a_usable_expected_answer_is_not_objected_to(metric: str, expected: str) -> None:
    """What the metric can work with is taken."""
    assert objection_to(skill(metric), expected) is None


def test_a_skill_of_taste_has_no_metric() -> None:
    """There is nothing to compare with, and the message names what can be done instead."""
    with pytest.raises(InvalidInput, match="compare_prompts and record_vote"):
        metric_of(skill("preference"))
