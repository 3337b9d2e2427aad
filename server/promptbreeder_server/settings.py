"""Settings: one frozen model, read once from the environment; flags of the command line have the same names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from promptbreeder.errors import InvalidInput
from promptbreeder.requests import explain

_PREFIX = "PROMPTBREEDER_"


class Settings(BaseModel):
    """What the user may set."""

    model_config = ConfigDict(frozen=True)

    home: Path
    """Data folder (PROMPTBREEDER_HOME; default: the platform's folder for application data)."""
    model: str = "auto"
    """Executor of new skills (PROMPTBREEDER_MODEL)."""
    writer: str | None = None
    """Model that writes new prompts (PROMPTBREEDER_WRITER; default: the executor)."""
    engine: Literal["auto", "native", "portable"] = "auto"
    """Engine of embedded models (PROMPTBREEDER_ENGINE)."""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings of this process.

        Raises:
            InvalidInput: naming the variable that is wrong.
        """
        found = {
            name: value for name in cls.model_fields if (value := environment.get(f"{_PREFIX}{name.upper()}", "")) != ""
        }
        try:
            return cls.model_validate(found if "home" in found else {**found, "home": default_home()})
        except ValidationError as error:
            raise InvalidInput(f"settings from the environment ({_PREFIX}...): {explain(error)}") from error

    @property
    def database(self) -> Path:
        """The one SQLite file."""
        return self.home / "promptbreeder.db"

    @property
    def models(self) -> Path:
        """Where converted weights are kept."""
        return self.home / "models"


def default_home() -> Path:
    """Return the platform's folder for application data."""
    import platformdirs  # noqa: PLC0415 - not needed where the folder is set

    return Path(platformdirs.user_data_dir("promptbreeder-mcp", appauthor=False))
