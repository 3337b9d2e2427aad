"""How a tool is declared: the SDK's, but with what only its arguments can say put right.

The SDK reads JSON out of strings, since some clients send lists and objects that way; it does so where a text is asked
for as well, and drops arguments that it does not know. Here a text stays the text it is, and an unknown argument is an
error: one misspelt must not move production elsewhere than was meant.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp_types import CallToolResult, ToolAnnotations
from pydantic import create_model

_NAMES_OF_FIELDS = {"properties", "$defs"}
"""Keywords whose value maps names, one of which may be `title`, to schemas."""
_DATA = {"default", "const", "enum", "examples"}


def declared(function: Callable[..., Awaitable[CallToolResult]], title: str, **hints: bool) -> Tool:
    """Return a tool that does what `function` does; `hints` are fields of `ToolAnnotations`."""
    annotations = ToolAnnotations.model_validate({"open_world_hint": False, **hints})
    tool = Tool.from_function(function, title=title, annotations=annotations)
    given = tool.fn_metadata
    arguments = create_model(f"{tool.name}_arguments", __base__=given.arg_model, __cls_kwargs__={"extra": "forbid"})
    tool.parameters = without_titles(arguments.model_json_schema())
    tool.fn_metadata = _Arguments(
        texts=frozenset(name for name, schema in tool.parameters["properties"].items() if _is_text(schema)),
        arg_model=arguments,
        output_schema=given.output_schema and without_titles(given.output_schema),
        output_model=given.output_model,
        wrap_output=given.wrap_output,
    )
    return tool


class _Arguments(FuncMetadata):
    """Takes texts as they are."""

    texts: frozenset[str]
    """Names of the arguments that are texts."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return `data` with JSON in strings parsed, but for arguments that are texts."""
        return {**data, **super().pre_parse_json({name: data[name] for name in data if name not in self.texts})}


def _is_text(schema: dict[str, Any]) -> bool:
    """Tell whether any text may be given, or else nothing."""
    kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
    return all(kind.get("type") == "string" and "enum" not in kind for kind in kinds)


def without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the titles that pydantic makes up: each says a name again, and is paid for as a token."""
    return {key: _shortened(key, value) for key, value in schema.items() if key != "title"}


def _shortened(key: str, value: Any) -> Any:  # noqa: ANN401  JSON
    if key in _DATA:
        return value
    if key in _NAMES_OF_FIELDS:
        return {name: without_titles(inner) for name, inner in value.items()}
    if isinstance(value, dict):
        return without_titles(value)
    if isinstance(value, list):
        return [without_titles(inner) if isinstance(inner, dict) else inner for inner in value]
    return value
