"""Text that some template language would execute."""

import ast
from pathlib import Path
from typing import Any

import pytest

from promptbreeder.exports.carried import Carried
from promptbreeder.exports.modelfile import modelfile
from promptbreeder.exports.snippet import snippet
from promptbreeder.models import chatml
from promptbreeder.prompt import Decoding, Demonstration, Format, Prompt

ROOT = Path(__file__).parents[2]
INERT = (
    "{x.__class__.__mro__}",
    "{0}",
    "{0.__init__.__globals__}",
    "{}",
    "{{}}",
    "{{ 7 * 7 }}",
    "{% for x in y %}{% endfor %}",
    "%s %d %(name)s %n",
    "$x ${x} ${jndi:ldap://x} $(id)",
    "`id`",
    "#{7*7}",
    "<%= 7 %>",
    '{"a": {"b": [1, "{c}"]}}',
    "{instruction} {item} {shot.input}",
    "{{instruction}} {{output}} {{ .Prompt }}",
    "\\x41 \\u0041 \\N{BULLET}",
    '""" \'\'\' """',
    "{{{input}}}",
    "{{input",
    "input}}",
    "{{INPUT}}",
    "{{input}}{{input}}",
)


@pytest.mark.parametrize("text", INERT)
@pytest.mark.parametrize("layout", [Format(), Format(demonstrations="inline", input_name="X", output_name="Y")])
def test_an_item_reaches_the_model_as_it_is(text: str, layout: Format) -> None:
    """Put in once, and what was put in is not looked at again; wherever the instruction has its place for it."""
    plain = Prompt(instruction="Do.", format=layout, demonstrations=(Demonstration(input=text, output=text),))
    marked = Prompt(instruction="Do {{input}} now, {{ input }} once.")
    assert text in plain.render(text)[-1].content
    assert sum(message.content.count(text) for message in plain.render("item")) == 2
    assert marked.render(text)[-1].content == f"Do {text} now, {{{{ input }}}} once."


@pytest.mark.parametrize("text", [text for text in INERT if "{{input}}" not in text])
def test_an_instruction_reaches_the_model_as_it_is(text: str) -> None:
    """Nothing in it is expanded but the one mark for the input."""
    prompt = Prompt(instruction=text, second_instruction=text)
    assert prompt.render("item")[0].content == text
    assert prompt.render_second("item", "working")[-1].content == text


def carried(text: str, **changes: Any) -> Carried:  # noqa: ANN401
    """Return a version that is full of `text`, to be taken away."""
    shot = Demonstration(input=text, output=text)
    fields = {
        "skill": "tickets",
        "version": 1,
        "model": "ollama:smollm2:360m",
        "prompt": Prompt(instruction=f"{text} {{{{input}}}} {text}", demonstrations=(shot,)),
        "labels": (text, "other"),
        "answer_tokens": 16,
        "prior": (0.0, 0.0),
        "accuracies": {Decoding.FREE: "0.5"},
        **changes,
    }
    return Carried(**fields)


@pytest.mark.parametrize(
    "text", [*INERT, "'\"\\\n", "\nimport os\n", '"""\nFROM evil\nTEMPLATE """', "a {", "x\nFROM y"]
)
@pytest.mark.parametrize("decoding", list(Decoding))
def test_an_exported_program_is_our_program_with_the_text_as_data(text: str, decoding: Decoding) -> None:
    """The same statements whatever the text, which stands in constants of its own."""
    own = carried(text, prompt=Prompt(instruction=text, decoding=decoding))
    plain = carried("plain", prompt=Prompt(instruction="plain", decoding=decoding))
    tree, other = ast.parse(snippet(own)), ast.parse(snippet(plain))
    assert [type(node) for node in tree.body] == [type(node) for node in other.body]
    values = {ast.unparse(n.targets[0]): ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)}
    assert values["LABELS"] == [text, "other"]
    assert values["BEFORE"] + "item" + values["AFTER"] == chatml.render(own.prompt.render("item"))


@pytest.mark.parametrize(
    "text", [*INERT, '"""\nFROM evil\nTEMPLATE """', "a {", "{", '"', '""', '""""', "}}", "x\nFROM y"]
)
def test_an_exported_modelfile_is_our_modelfile_with_the_text_as_data(text: str) -> None:
    """One FROM, one TEMPLATE, one action of a template that is not a constant: the input's place."""
    own = carried(text)
    _, opened, rest = modelfile(own).partition('TEMPLATE """')
    template, closed, after = rest.partition('"""')
    assert opened
    assert closed
    assert "FROM" not in [line.partition(" ")[0] for line in after.splitlines()]
    assert executed(template) == chatml.render(own.prompt.render("ITEM"))


def executed(template: str) -> str:
    """Execute a Go template that has no action but constants and `.Prompt`; Go takes the first `{{` that it meets."""
    done = ""
    while "{{" in template:
        text, _, rest = template.partition("{{")
        action, end, template = rest.partition("}}")
        assert end
        done += text + ("ITEM" if action.strip() == ".Prompt" else ast.literal_eval(action.strip()))
    return done + template


def test_no_text_is_ever_a_template_of_pythons() -> None:
    """`str.format`, `%` and `string.Template` are used on literals of ours only, or not at all."""
    for folder in ("promptbreeder", "server", "tools", "resources"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    called, owner = node.func.attr, ast.unparse(node.func.value)
                    literal = isinstance(node.func.value, ast.Constant) or owner.isupper()
                    assert literal or called not in {"format", "format_map", "substitute"}, f"{file}:{node.lineno}"
                if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
                    assert not isinstance(node.left, ast.Constant | ast.JoinedStr), f"{file}:{node.lineno}"
