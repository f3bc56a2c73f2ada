"""The kinds of value that files may hold, and the base of all that is read from them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from harness.units import parse_duration_s, parse_size_bytes

JsonObject = dict[str, Any]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
Ratio = Annotated[float, Field(ge=0, le=1)]


def _duration(value: object) -> object:
    return parse_duration_s(value) if isinstance(value, str) else value


def _size(value: object) -> object:
    return parse_size_bytes(value) if isinstance(value, str) else value


def _text(value: object) -> object:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else str(value)
        if isinstance(value, int | float)
        else value
    )


Duration = Annotated[
    float,
    BeforeValidator(_duration, json_schema_input_type=str | float),
    Field(gt=0, description="seconds, or text such as 90s, 10m, 250ms"),
]
Size = Annotated[
    int,
    BeforeValidator(_size, json_schema_input_type=str | int),
    Field(gt=0, description="bytes, or text such as 512MiB, 32GB"),
]
EnvText = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | int | float | bool)]
Environment = dict[Annotated[str, StringConstraints(pattern=r"^[A-Z_][A-Z0-9_]*$")], EnvText]


class FileModel(BaseModel):
    """A part of a file: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
