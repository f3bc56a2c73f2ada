"""Templates, and what is put into pages as it is: our own styles and scripts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report.palette import COLOURS
from harness.units import counted

_HERE = Path(__file__).parent


def render_page(template: str, **context: Any) -> str:
    """The page; whatever is not marked as markup is escaped."""
    return _environment().get_template(template).render(**context, **_static())


def sentence(text: str) -> str:
    """With a large letter in front, but for a name (`rate-1000: …`), and a full stop where nothing else ends it."""
    named = text.partition(" ")[0].endswith(":")
    return (text if named else text[:1].upper() + text[1:]) + ("" if text.endswith((".", "!", "?")) else ".")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sentence"] = sentence
    environment.filters["counted"] = counted
    return environment


def _static() -> dict[str, Markup]:
    colours = "\n".join(
        f"  --target-{n}: {c.light};\n  --target-{n}: light-dark({c.light}, {c.dark});"
        for n, c in enumerate(COLOURS)
    )
    css = (_HERE / "static" / "report.css").read_text(encoding="utf-8")
    return {
        "css": Markup(f"{css}\n:root {{\n{colours}\n}}"),
        "page_js": Markup(_script("page")),
        "verdict_js": Markup("\n".join(_script(name) for name in ("judge", "answer", "verdict"))),
    }


def _script(name: str) -> str:
    return (_HERE / "static" / f"{name}.js").read_text(encoding="utf-8")
