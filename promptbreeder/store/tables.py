"""The type of an open transaction, importable without paying for SQLite before it is used."""

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import sqlite_utils

    Tables: TypeAlias = sqlite_utils.Database
else:
    Tables = Any
