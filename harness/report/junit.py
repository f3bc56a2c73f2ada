"""The summary as JUnit XML: a test case for each row (are its figures valid?) and for each promise (was it kept?)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from harness.report import wording
from harness.report.model import PromiseKept, Row, ScenarioSummary, Summary

_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML 1.0 has no way to hold: a log's tail may have it."""


def to_junit(summary: Summary) -> str:
    """A suite for each scenario. A promise that was broken fails; what cannot be told, or is invalid, is skipped."""
    root = ET.Element("testsuites", name=f"run {summary.run}")
    for scenario in summary.scenarios:
        suite = ET.SubElement(root, "testsuite", name=scenario.name)
        _notes(suite, summary)
        cases = [_row(suite, scenario, row) for row in scenario.rows]
        cases += [_promise(suite, scenario, promise) for promise in scenario.promises]
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(cases.count("failure")))
        suite.set("skipped", str(cases.count("skipped")))
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text.decode()) + "\n"


def _notes(suite: ET.Element, summary: Summary) -> None:
    """What stands on every output, here as properties of the suite."""
    if not (notes := [*wording.cautions(summary), *summary.notes]):
        return
    properties = ET.SubElement(suite, "properties")
    for note in notes:
        ET.SubElement(properties, "property", name="note", value=note)


def _row(suite: ET.Element, scenario: ScenarioSummary, row: Row) -> str:
    case = _case(suite, scenario, wording.target_text(row), "valid trials")
    if row.valid:
        return "passed"
    ET.SubElement(
        case, "skipped", message=f"{wording.valid_text(row)} trials valid: {'; '.join(row.reasons)}"
    )
    return "skipped"


def _promise(suite: ET.Element, scenario: ScenarioSummary, promise: PromiseKept) -> str:
    target = next(wording.target_text(r) for r in scenario.rows if r.case == promise.row)
    measured, promised, met = wording.promise_text(promise)
    case = _case(suite, scenario, target, f"{promise.item} {promised}")
    if promise.met:
        return "passed"
    kind = "skipped" if promise.met is None else "failure"
    message = met if promise.met is None else f"measured {measured}, promised {promised}"
    ET.SubElement(case, kind, message=message)
    return kind


def _case(suite: ET.Element, scenario: ScenarioSummary, target: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=f"{scenario.name}.{target}", name=name)
