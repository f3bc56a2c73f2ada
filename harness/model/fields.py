"""The kinds of value that files may hold, and the base of all that is read from them."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

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


def _with_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if not groups:
        raise ValueError("has no group: put what is wanted of a match in ( )")
    return pattern


def _of_the_folder(pattern: str) -> str:
    """A pattern that `Path.glob` takes: relative, `**` only as a whole part; with ! in front it excludes."""
    parts = pattern.removeprefix("!").split("/")
    if not any(parts) or not parts[0]:
        raise ValueError("must be a pattern within the folder, such as src/**/*.c")
    if any("**" in part and part != "**" for part in parts):
        raise ValueError("has ** beside other characters: it stands for whole folders, as in src/**/*.c")
    return pattern


Pattern = Annotated[str, AfterValidator(_with_group)]
"""A regular expression with a group."""
FilePattern = Annotated[str, AfterValidator(_of_the_folder)]
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
