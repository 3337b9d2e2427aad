"""Settings: one frozen model, read once from the environment; flags of the command line have the same names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from promptbreeder.errors import InvalidInput
from promptbreeder.requests import explain

_PREFIX = "PROMPTBREEDER_"


class Settings(BaseModel):
    """What the user may set."""

    model_config = ConfigDict(frozen=True)

    home: Path
    """Data folder (PROMPTBREEDER_HOME; default: the platform's folder for application data).

    `~` stands for the user's folder, since no shell replaces it in a client's configuration.
    """
    model: str = "auto"
    """Executor of new skills (PROMPTBREEDER_MODEL)."""
    writer: str | None = None
    """Model that writes new prompts (PROMPTBREEDER_WRITER; default: the executor)."""
    engine: Literal["auto", "native", "portable"] = "auto"
    """Engine of embedded models (PROMPTBREEDER_ENGINE)."""

    ollama_host: str | None = None
    """Where Ollama is (OLLAMA_HOST, as for Ollama itself)."""
    ollama_parallel: int = Field(default=2, ge=1, le=64)
    """Requests to Ollama at a time (PROMPTBREEDER_OLLAMA_PARALLEL); what its OLLAMA_NUM_PARALLEL says is best."""

    @field_validator("home")
    @classmethod
    def _expanded(cls, home: Path) -> Path:
        try:
            return home.expanduser()
        except RuntimeError as error:
            message = f"{home}: {error}"
            raise ValueError(message) from error

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the settings of this process.

        Raises:
            InvalidInput: naming the variable that is wrong.
        """
        found = {name: value for name in cls.model_fields if (value := environment.get(_variable(name), "")) != ""}
        try:
            return cls.model_validate(found if "home" in found else {**found, "home": default_home()})
        except ValidationError as error:
            told = f"settings (flags, or {_PREFIX}... in the environment)"
            raise InvalidInput(f"{told}: {explain(error)}") from error

    @property
    def database(self) -> Path:
        """The one SQLite file."""
        return self.home / "promptbreeder.db"

    @property
    def models(self) -> Path:
        """Where converted weights are kept."""
        return self.home / "models"


def _variable(name: str) -> str:
    # Ollama's own variable: whoever has set it for Ollama has set it for us.
    return "OLLAMA_HOST" if name == "ollama_host" else f"{_PREFIX}{name.upper()}"


def default_home() -> Path:
    """Return the platform's folder for application data."""
    import platformdirs  # noqa: PLC0415 - not needed where the folder is set

    return Path(platformdirs.user_data_dir("promptbreeder-mcp", appauthor=False))
