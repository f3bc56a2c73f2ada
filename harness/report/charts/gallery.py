"""All pictures of one scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from harness.report.charts import course, load, memory
from harness.report.charts.drawing import Picture
from harness.report.charts.material import Material

_BY_KIND: Mapping[str, tuple[Callable[[Material], Iterator[Picture]], ...]] = {
    "load": (*load.PICTURES, *memory.LOAD_PICTURES, *course.PICTURES),
    "reload": (load.latency_by_percentile, *memory.LOAD_PICTURES, *course.PICTURES),
    "cold-start": course.START_PICTURES,
    "memory": memory.CONNECTION_PICTURES,
}


def pictures(material: Material) -> list[Picture]:
    """Those that the scenario's figures suffice for."""
    return [p for drawer in _BY_KIND.get(material.scenario.kind, ()) for p in drawer(material)]
