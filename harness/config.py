"""YAML → model: all problems of a file at once, each with file, line, key and the nearest valid key."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from harness.errors import UsageError

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[int | str, ...]

_NEAR = 0.6  # of two names, by difflib: "conections" is not "question"

_NEEDED = {
    "dict_type": "must be a mapping of names to values",
    "list_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "tuple_type": "must be a list",
}
"""By pydantic's type of error, where its words are Python's and not YAML's."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a file; `line` counts from 1."""

    path: Path
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.key + ': ' if self.key else ''}{self.text}"


class ConfigError(UsageError):
    """A file that cannot be used; `problems` holds every one found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, which YAML's usual reader lets the last one win."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"key {key.value!r} stands here twice", problem_mark=key.start_mark
            )
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_text(path: Path) -> str:
    """The file's text; ConfigError where it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Problem(path, 1, "", f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(path, 1, "", "is not UTF-8 text")]) from error


def read_yaml(path: Path) -> tuple[Any, dict[Place, int]]:
    """The document and the line of every key and item, by its place (keys and indexes from the top)."""
    text = read_text(path)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Place, int] = {(): 1}
            if node is not None:
                _lines(node, (), lines)
            return (loader.construct_document(node) if node is not None else None), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError([Problem(path, line, "", f"is not YAML: {error.problem}")]) from error


def _lines(node: yaml.Node, place: Place, lines: dict[Place, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, str(key.value))
            lines[inner] = key.start_mark.line + 1
            _lines(value, inner, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*place, index)] = item.start_mark.line + 1
            _lines(item, (*place, index), lines)


def read_model(path: Path, model: type[Model], extra: dict[str, Any] | None = None) -> Model:
    """Reads and checks a whole file; `extra` adds members that the file cannot give. Raises ConfigError."""
    document, lines = read_yaml(path)
    if not isinstance(document, dict):
        raise ConfigError([Problem(path, 1, "", "must be a mapping of keys to values")])
    reserved = [k for k in extra or {} if k in document]
    if reserved:
        raise ConfigError([Problem(path, lines[(k,)], k, "unknown key") for k in reserved])
    try:
        return model.model_validate({**document, **(extra or {})})
    except ValidationError as error:
        raise ConfigError(_problems(path, error, lines, model)) from error


def _problems(
    path: Path, error: ValidationError, lines: dict[Place, int], model: type[BaseModel]
) -> list[Problem]:
    problems = []
    for item in error.errors():
        place = tuple(item["loc"])
        known = _known_place(place, lines)
        key = ".".join(str(p) for p in known) or str(place[-1] if place else "")
        if item["type"] == "extra_forbidden":
            text = "unknown key" + _suggestion(str(place[-1]), _valid_keys(model, place[:-1]))
        elif item["type"] == "missing":
            key = ".".join(str(p) for p in (*known, place[-1]))
            text = "is required"
        elif item["type"] == "unknown_name":
            given, names = str(item["input"]), item["ctx"]["valid"]
            text = f"{item['msg']} {given!r}{_suggestion(given, names)}"
        else:
            text = _in_words(item["type"], item["msg"], item.get("input"))
        problems.append(Problem(path, lines.get(known, 1), key, text))
    return sorted(set(problems), key=lambda p: (p.line, p.key))


def _in_words(kind: str, message: str, given: object) -> str:
    """Pydantic's message for people who write YAML, with what stands there unless the message names it."""
    text = _NEEDED.get(kind, message.removeprefix("Value error, ").replace("Input should be", "must be", 1))
    if isinstance(given, dict | list) or repr(given) in text:
        return text
    return f"{text} (here: {given!r})"


def _known_place(place: Place, lines: dict[Place, int]) -> Place:
    """Pydantic's place without the names of union branches, as far as the document has it."""
    known: Place = ()
    for part in place:
        if (*known, part) in lines:
            known = (*known, part)
    return known


def _valid_keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that a mapping at `place` may have, read off the model's JSON Schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    options = [schema]
    for part in place:
        found: list[dict[str, Any]] = []
        for option in (o for given in options for o in _branches(given, definitions)):
            if isinstance(part, int):
                found += [option["items"]] if "items" in option else []
            elif part in option.get("properties", {}):
                found.append(option["properties"][part])
            else:
                found += [v for v in _values_under_any_name(option) if isinstance(v, dict)]
        options = found or options
    return [k for given in options for o in _branches(given, definitions) for k in o.get("properties", {})]


def _values_under_any_name(schema: dict[str, Any]) -> list[Any]:
    """The schemas of a mapping's values, where the names are free."""
    return [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]


def _branches(schema: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in schema:
        return _branches(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    inner = schema.get("anyOf") or schema.get("allOf")
    return [b for s in inner for b in _branches(s, definitions)] if inner else [schema]


def _suggestion(key: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(key, valid, n=1, cutoff=_NEAR)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(sorted(set(valid)))}" if valid else ""
