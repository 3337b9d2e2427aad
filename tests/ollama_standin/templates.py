"""The part of Go's text/template that chat templates need: fields, if, range, eq, and, or, not, and trimming."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ACTION = re.compile(r"\{\{(-?)(.*?)(-?)\}\}", re.DOTALL)
_RESPONSE = re.compile(r"\{\{-?\s*\.Response\s*-?\}\}")
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\(|\)|[^\s()]+')

SMOLLM2 = """\
{{- if .System }}<|im_start|>system
{{ .System }}
{{ end }}
{{- range .Messages }}
{{- if eq .Role "user" }}<|im_start|>user
{{ .Content }}<|im_end|>
{{ else if eq .Role "assistant" }}<|im_start|>assistant
{{ .Content }}<|im_end|>
{{ end }}
{{- end }}<|im_start|>assistant
"""
"""Like the library's template of smollm2: the system turn stays open."""
SMOLLM2_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
IN_THE_WEIGHTS = f"""\
{{{{- if not .System }}}}<|im_start|>system
{SMOLLM2_SYSTEM}<|im_end|>
{{{{ end }}}}
{{{{- range .Messages }}}}<|im_start|>{{{{ .Role }}}}
{{{{ .Content }}}}<|im_end|>
{{{{ end }}}}<|im_start|>assistant
"""
"""What a GGUF of SmolLM2 brings with it, for models made of a file: it puts a system text where none is given."""


@dataclass(frozen=True)
class _Branch:
    """An `if` or a `range`."""

    keyword: str
    condition: list[str]
    then: list["str | _Branch"]
    otherwise: list["str | _Branch"]


def check(template: str) -> None:
    """Raise ValueError if a template is outside what is understood here."""
    _parse(template)


def render(template: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the prompt for a chat. A template without `.Messages` is applied turn by turn, as Ollama does."""
    tree = _parse(template)
    system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
    if ".Messages" in template:
        shown = [{"Role": message["role"], "Content": message["content"]} for message in _collated(messages)]
        return _run(tree, {"System": system, "Messages": shown, "Response": ""})
    rendered = ""
    turn = {"System": "", "Prompt": "", "Response": ""}
    fields = {"system": "System", "user": "Prompt", "assistant": "Response"}
    for message in messages:
        field = fields[message["role"]]
        if turn["Response"] or (field == "System" and turn["Prompt"]):
            rendered += _run(tree, turn)
            turn = dict.fromkeys(turn, "")
        turn[field] = message["content"]
    # The last turn is the model's: it ends where its response would stand.
    return rendered + _run(_parse(_RESPONSE.split(template)[0]), turn) + turn["Response"]


def _collated(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1]["content"] += "\n\n" + message["content"]
        else:
            merged.append({"role": message["role"], "content": message["content"]})
    return merged


def _parse(template: str) -> list["str | _Branch"]:
    tree, ended_by = _block(_pieces(template))
    if ended_by is not None:
        raise ValueError(f"unexpected {{{{{' '.join(ended_by)}}}}}")
    return tree


def _pieces(template: str) -> Iterator[str | list[str]]:
    """Yield text, and actions as lists of words; a hyphen at a brace trims the white space on its side."""
    at = 0
    trimmed = ""
    for found in _ACTION.finditer(template):
        left, action, right = found.groups()
        text = template[at : found.start()]
        text = text.lstrip() if trimmed else text
        yield text.rstrip() if left else text
        yield _WORD.findall(action)
        at, trimmed = found.end(), right
    yield template[at:].lstrip() if trimmed else template[at:]


def _block(pieces: Iterator[str | list[str]]) -> tuple[list["str | _Branch"], list[str] | None]:
    """Return what stands up to an `end` or `else`, and that action; None at the end of the template."""
    tree: list[str | _Branch] = []
    for piece in pieces:
        if isinstance(piece, str):
            tree.append(piece)
        elif piece[0] in {"end", "else"}:
            return tree, piece
        elif piece[0] in {"if", "range"}:
            tree.append(_branch(piece, pieces))
        else:
            tree.append(_Branch("print", piece, [], []))
    return tree, None


def _branch(opening: list[str], pieces: Iterator[str | list[str]]) -> _Branch:
    then, ended_by = _block(pieces)
    otherwise: list[str | _Branch] = []
    if ended_by and ended_by[:2] == ["else", "if"]:
        otherwise = [_branch(ended_by[1:], pieces)]
    elif ended_by == ["else"]:
        otherwise, ended_by = _block(pieces)
    if ended_by is None:
        raise ValueError("unexpected EOF")
    return _Branch(opening[0], opening[1:], then, otherwise)


def _run(tree: Sequence["str | _Branch"], scope: Mapping[str, Any]) -> str:
    text = ""
    for node in tree:
        if isinstance(node, str):
            text += node
            continue
        value = _value(list(node.condition), scope)
        if node.keyword == "print":
            text += str(value)
        elif node.keyword == "range":
            text += "".join(_run(node.then, item) for item in value) if value else _run(node.otherwise, scope)
        else:
            text += _run(node.then if value else node.otherwise, scope)
    return text


def _value(words: list[str], scope: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whatever a field holds
    """Evaluate `f a b`, where an argument may stand in parentheses; `words` is used up to a closing one."""
    name = words.pop(0)
    if name not in {"eq", "ne", "and", "or", "not"}:
        return _argument([name, *words], scope)
    arguments = []
    while words and words[0] != ")":
        arguments.append(_argument(words, scope))
    if name in {"eq", "ne"}:
        return (arguments[0] == arguments[1]) == (name == "eq")
    if name == "not":
        return not arguments[0]
    return all(arguments) if name == "and" else any(arguments)


def _argument(words: list[str], scope: Mapping[str, Any]) -> Any:  # noqa: ANN401
    word = words.pop(0)
    if word == "(":
        value = _value(words, scope)
        words.pop(0)
        return value
    if word.startswith('"'):
        # What Go and JSON escape alike is all that is needed.
        return json.loads(word)
    if word.startswith((".", "$.")):
        return scope.get(word.rpartition(".")[2], "")
    raise ValueError(f"function {word!r} not defined")
