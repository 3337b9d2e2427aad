"""JSON schemas of tools, shortened: a language model reads them, and pays for each token."""

from typing import Any

_NAMES_OF_FIELDS = {"properties", "$defs"}
"""Keywords whose value maps names, one of which may be `title`, to schemas."""
_DATA = {"default", "const", "enum", "examples"}


def without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema without the titles that pydantic makes up; each only says a field's name again."""
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
