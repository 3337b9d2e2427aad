"""What all results share."""

from pydantic import BaseModel, ConfigDict


class Result(BaseModel):
    """Something that a use case returns; it never changes."""

    model_config = ConfigDict(frozen=True)
