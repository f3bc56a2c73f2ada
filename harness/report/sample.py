"""`make sample-report RUN=…`: a run of this project as the sample that the documentation shows.

The run's own results stay as they are; a copy of them loses every path of the machine, and the report is made
from that copy. What names the machine beyond processor, cores and kernel must not be in it: it is looked for,
and found means refused.
"""

from __future__ import annotations

import getpass
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.catalogue import ROOT
from harness.errors import HarnessError, UsageError
from harness.report.markdown import panel_table
from harness.report.model import ScenarioSummary, Summary
from harness.report.outputs import read, write_all
from harness.report.wording import cautions, machine_text, row_remarks, run_text
from harness.store import RunFolder, open_run, write_atomically

SAMPLE = ROOT / "docs" / "sample-report"
README = ROOT / "README.md"
BEGINS, ENDS = "<!-- sample begins -->", "<!-- sample ends -->"
PICTURES = {
    "rates": "P99 response time against offered rate",
    "pareto": "Requests a second against memory",
    "rate-1000-latency": "Response time by percentile",
    "memory": "Memory before, during and after the load",
}
"""By name, the preferred first: the README shows two of those that the run has."""
_TEXTS = (".json", ".html", ".md", ".csv", ".xml", ".svg")
_SHORT_NAME = 4
"""A host name as short as `vm` names nobody, and is part of many words."""


def make_sample(run: RunFolder, sample: Path = SAMPLE, readme: Path = README) -> list[Path]:
    """Writes the sample and its part of the README; gives what was written. Raises UsageError, StoreError."""
    before, after = _around(readme)
    own = _own_words(run)
    with tempfile.TemporaryDirectory(prefix="sample-") as name:
        copy = RunFolder(Path(name) / run.run_id)
        shutil.copytree(run.path, copy.path, ignore=shutil.ignore_patterns("load", "*.log.*"))
        for path in _texts(copy.path):
            _replace(path, own)
        write_all(copy)
        main = read(copy).summary.scenarios[0].name
        pictures = [n for n in PICTURES if (copy.path / "charts" / f"{main}-{n}.png").is_file()][:2]
        kept = [*_kept(copy.path), *(copy.path / "charts" / f"{main}-{n}.png" for n in pictures)]
        if found := [f for path in kept for f in _named(path, run)]:
            raise UsageError("the sample would name this machine:\n  " + "\n  ".join(found))
        shutil.rmtree(sample, ignore_errors=True)
        for path in kept:
            into = sample / path.relative_to(copy.path)
            into.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into)
        summary = read(copy).summary
    part = readme_part(summary, pictures, sample.relative_to(readme.parent))
    write_atomically(readme, f"{before}{BEGINS}\n{part}{ENDS}{after}")
    return [sample / "report.html", readme]


def _around(readme: Path) -> tuple[str, str]:
    """What stands before and after the sample's part."""
    before, begins, rest = readme.read_text(encoding="utf-8").partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise UsageError(f"{readme} has no {BEGINS} … {ENDS} for the sample to stand between")
    return before, after


def readme_part(summary: Summary, pictures: Sequence[str], sample: Path) -> str:
    """The tables of the first scenario, and its pictures. `sample`: its folder as the README sees it."""
    scenario = summary.scenarios[0]
    lines = [
        f"`{' '.join(summary.command)}` on {machine_text(summary.machine)}: {run_text(summary)}. "
        f"The whole report: [{sample}/report.html]({sample}/report.html).",
        "",
        *(f"> {text}" for text in cautions(summary)),
        "",
    ]
    for panel in scenario.panels:
        lines += [f"**{panel.title}** – {panel.note}", "", *panel_table(scenario, panel), ""]
    lines += [f"- {target}: {text}" for target, text in row_remarks(scenario)]
    lines += ["", *_pictures(scenario, pictures, sample)]
    return "\n".join(lines) + "\n"


def _pictures(scenario: ScenarioSummary, names: Sequence[str], sample: Path) -> Iterator[str]:
    for name in names:
        yield f"![{PICTURES[name]}]({sample}/charts/{scenario.name}-{name}.png)"
        yield ""


def _own_words(run: RunFolder) -> Mapping[str, str]:
    """Paths of this machine → what stands for them, the longest first."""
    project = run.path.parents[1]
    found = {str(run.path): ".", str(project): ".", str(ROOT): ".", str(Path.home()): "~"}
    return {word: found[word] for word in sorted(found, key=len, reverse=True) if len(word) > 1}


def _texts(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in _TEXTS)


def _replace(path: Path, words: Mapping[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for word, instead in words.items():
        text = text.replace(word, instead)
    path.write_text(text, encoding="utf-8")


def _kept(folder: Path) -> Iterator[Path]:
    """The report with what it links to; histograms and samples are too large."""
    for name in ("report.html", "run.json", "summary.json", "summary.csv", "summary.md"):
        yield folder / name
    yield from sorted(folder.glob("trials/*/*/*/trial.json"))


def _named(path: Path, run: RunFolder) -> Iterator[str]:
    """Where a file says what it must not."""
    if path.suffix not in _TEXTS:
        return
    names = [n for n in (socket.gethostname(), getpass.getuser()) if len(n) > _SHORT_NAME]
    wanted = [re.escape(word) for word in _own_words(run)] + [rf"\b{re.escape(n)}\b" for n in names]
    wanted.append(r"(?<![\w.])/(?:home|root|tmp|Users)/[\w.]+")
    for found in re.finditer("|".join(wanted), path.read_text(encoding="utf-8")):
        yield f"{path.name}: {found[0]}"


def main(arguments: list[str]) -> int:
    """Exit codes: 0 done, else that of the error."""
    if len(arguments) != 1:
        print("usage: make sample-report RUN=results/…", file=sys.stderr)
        return int(UsageError.exit_code)
    try:
        for path in make_sample(open_run(Path(arguments[0]))):
            print(f"written: {path}")
    except HarnessError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
