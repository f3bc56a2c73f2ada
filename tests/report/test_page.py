"""The page in a real browser: nothing is fetched, nothing fails, controls work, everybody can read it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report.made import Making, many
from report.nights import scattered, series_key, write_nights

from harness.report.model import Summary
from harness.report.outputs import compare, render_versus, write_all, write_index
from harness.store import RunFolder

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: see requirements-dev.lock")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("default"),
]


_PATIENCE_MS = 180_000
"""A browser on a machine that has much else to do; what hangs ends all the same."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Callable[[], Any]]:
    """Gives the running browser; another, should it have ended for want of memory."""
    with playwright.sync_playwright() as started:
        launched: list[Any] = []

        def running() -> Any:
            if not launched or not launched[-1].is_connected():
                arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
                launched.append(
                    started.chromium.launch(executable_path=CHROMIUM, args=arguments, timeout=_PATIENCE_MS)
                )
            return launched[-1]

        yield running
        for one in launched:
            one.close()


class Watched:
    """A page, with all that it asked for and complained of."""

    def __init__(self, browser: Callable[[], Any], width: int) -> None:
        self.page = browser().new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(_PATIENCE_MS)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: Path, fragment: str = "") -> Any:
        self.page.goto(path.as_uri() + fragment)
        return self.page


@pytest.fixture
def watched(browser: Callable[[], Any]) -> Iterator[Callable[..., Watched]]:
    opened: list[Watched] = []

    def new(width: int = 1280) -> Watched:
        opened.append(Watched(browser, width))
        return opened[-1]

    yield new
    for one in opened:
        one.page.close()


@pytest.fixture(scope="module")
def report(small_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = shutil.copytree(small_run.path, tmp_path_factory.mktemp("page") / small_run.run_id)
    return write_all(RunFolder(Path(folder)))[1]["html"]


CROWD = Making(
    targets=many([f"service-{n:02d}" for n in range(12)]), scenarios=("routing-4kb",), rounds=1, scale=0.1
)


@pytest.fixture(scope="module")
def crowd(making: Callable[[Making], RunFolder]) -> Path:
    """Twelve targets."""
    return write_all(making(CROWD))[1]["html"]


@pytest.fixture(scope="module")
def index(making: Callable[[Making], RunFolder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty runs, of which one cannot be read."""
    made = making(Making(targets=many(["a", "b"]), scenarios=("cold-start",), twin=False))
    results = tmp_path_factory.mktemp("thirty")
    for number in range(30):
        folder = Path(shutil.copytree(made.path, results / f"2026-11-18T13-06-40Z-{number:04d}"))
        if number:
            for path in folder.glob("trials/*/*/*/trial.json"):
                trial = json.loads(path.read_text())
                for start in trial["cold_starts"]:
                    start["ready_ns"] += number * 100_000
                path.write_text(json.dumps(trial))
    (results / "2026-11-18T13-06-40Z-0007" / "run.json").write_text("{}")
    return write_index(results)


@pytest.fixture(scope="module")
def trend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A change, a new series of few nights, and a target whose name is long."""
    results = tmp_path_factory.mktemp("trend")
    for target in ("go", "java-webflux+a-variant-with-a-long-name"):
        write_nights(results / "history", series_key(target), scattered({0: 172e3, 12: 182e3}, 24))
    write_nights(results / "history", series_key(kernel="6.13"), scattered({0: 182e3}, 3), first=24)
    write_index(results)
    return results / "trend.html"


@pytest.fixture(scope="module")
def versus(making: Callable[[Making], RunFolder], tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = [
        making(
            Making(targets=many(["a", "b"]), scenarios=("cold-start",), twin=False, seed=n, run_id=f"run-{n}")
        )
        for n in (1, 2)
    ]
    from rich.console import Console

    path = tmp_path_factory.mktemp("versus") / "versus.html"
    path.write_text(render_versus(compare(runs), "html", Console()) or "", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def nothing(making: Callable[[Making], RunFolder]) -> Path:
    """A run without a valid row."""
    broken = {name: replace(one, broken=True) for name, one in many(["a", "b"]).items()}
    return write_all(making(Making(targets=broken, scenarios=("routing-4kb",), rounds=1)))[1]["html"]


PAGES = ("report", "nothing", "index", "versus", "trend")


@pytest.fixture(params=PAGES)
def any_page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def test_nothing_is_fetched_and_nothing_complains(any_page: Path, watched: Callable[..., Watched]) -> None:
    one = watched()
    one.open(any_page)
    one.page.wait_for_load_state("networkidle")
    assert one.requests == [any_page.as_uri()]
    assert not one.complaints


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 400)])
def test_axe_finds_no_violation(
    any_page: Path, scheme: str, width: int, watched: Callable[..., Watched]
) -> None:
    page = watched(width).open(any_page)
    page.emulate_media(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    context = {"exclude": [["figure svg"]]}  # pictures are one image each, with thousands of parts
    found = axe.Axe().run(page, context=context).response["violations"]
    assert not [(v["id"], v["impact"], v["nodes"][0]["html"][:200]) for v in found]


def test_a_page_is_under_two_megabytes(report: Path, crowd: Path) -> None:
    """Five scenarios of four targets, and one of twelve."""
    assert max(report.stat().st_size, crowd.stat().st_size) < 2_000_000


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_is_never_wider_than_the_screen(
    any_page: Path, width: int, watched: Callable[..., Watched]
) -> None:
    page = watched(width).open(any_page)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [400, 1280])
def test_no_text_of_a_picture_is_cut_off(any_page: Path, width: int, watched: Callable[..., Watched]) -> None:
    page = watched(width).open(any_page)
    cut_off = page.evaluate(
        """() => [...document.querySelectorAll('figure svg text')]
            .map((text) => [text.textContent, text.getBoundingClientRect()])
            .filter(([, box]) => box.left < 0 || box.right > document.documentElement.clientWidth)
            .map(([text]) => text)"""
    )
    assert not cut_off


def test_the_tables_of_a_wide_screen_need_no_scrolling(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched(1280).open(report)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    wider = page.evaluate(
        """() => [...document.querySelectorAll('.scroll')]
            .filter((table) => table.scrollWidth > table.clientWidth + 1)
            .map((table) => table.getAttribute('aria-label'))"""
    )
    assert not wider


def test_on_a_phone_a_comparison_shows_its_verdicts_without_scrolling(
    versus: Path, watched: Callable[..., Watched]
) -> None:
    page = watched(400).open(versus)
    edges = page.evaluate(
        "[...document.querySelectorAll('td.told')].map((cell) => cell.getBoundingClientRect().right)"
    )
    assert edges and max(edges) <= 400
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll:has(.effects)')].every((s) => s.scrollWidth <= s.clientWidth)"
    )


def test_dark_and_light_differ_by_the_system_and_by_the_button(
    report: Path, watched: Callable[..., Watched]
) -> None:
    page = watched().open(report)

    def ground() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.emulate_media(color_scheme="light")
    light = ground()
    page.emulate_media(color_scheme="dark")
    dark = ground()
    assert light != dark
    assert page.get_attribute("#theme", "aria-pressed") == "true"
    page.click("#theme")
    assert page.get_attribute("#theme", "aria-pressed") == "false"
    assert ground() == light


def test_the_index_leads_to_the_trend_and_back(index: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(index)
    page.click("text=Since when is a figure another one?")
    assert page.inner_text("h1") == "Trend"
    page.click("text=All runs")
    assert page.inner_text("h1") == "All runs"


def test_pictures_of_the_trend_turn_dark_with_the_page(trend: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(trend)
    colours = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours.append(
            page.evaluate(
                "[...document.querySelectorAll('figure svg path')].map((p) => getComputedStyle(p).stroke)"
            )
        )
    assert colours[0]
    assert set(colours[0]) - {"none"} and not (set(colours[0]) & set(colours[1])) - {"none"}


# --- tables ----------------------------------------------------------------------------------------------------


def names(page: Any) -> list[str]:
    table = page.locator("#tables table").first
    return [cell.inner_text().strip() for cell in table.locator("tbody th").all()]


def test_tables_sort_by_their_heads_and_twins_stay_last(
    report: Path, watched: Callable[..., Watched]
) -> None:
    page = watched().open(report)
    head = page.locator("#tables table").first.locator("thead th", has_text="requests").last
    head.locator("button.sort").click()
    assert head.get_attribute("aria-sort") == "ascending"
    rising = names(page)
    assert rising[:2] == ["go", "rust-axum"] or rising.index("go") < rising.index("rust-axum")
    assert rising[-2:] == ["go (twin)", "noise of twins"]
    head.locator("button.sort").click()
    falling = names(page)
    assert falling.index("rust-axum") < falling.index("go")
    assert falling[-3:] == ["wrong", "go (twin)", "noise of twins"], "missing figures last, either way"


def test_heads_sort_by_the_keyboard(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    page.locator("#tables button.sort", has_text="idle").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#tables th[aria-sort=ascending]").count() == 1


def test_terms_and_gaps_explain_themselves_on_focus(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched(400).open(report)
    tip = page.locator("#tip")
    page.locator("a.term", has_text="blind twin").first.focus()
    assert tip.is_visible() and "noise ruler" in tip.inner_text()
    box = tip.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 400
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.locator("button.why").first.focus()
    assert tip.inner_text().strip()


# --- the verdict -----------------------------------------------------------------------------------------------


def judged(page: Any) -> dict[str, str]:
    """target → meets, fails, cannot tell or invalid."""
    rows = page.locator("#judged tr").all()
    return {r.locator("th").inner_text().strip(): r.locator("td").first.inner_text() for r in rows}


def limit(page: Any, name: str, value: float) -> None:
    page.fill(f"#limits input[name={name}]", str(value))


def test_there_is_an_answer_before_anything_is_touched(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    answer = page.inner_text("#answer")
    assert "JavaScript" not in answer and answer
    assert judged(page)["wrong"] == judged(page)["slow-start"] == "invalid"


def test_limits_decide_who_meets_them(report: Path, small: Summary, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    figures = {r.target: r.figures for r in small.scenarios[0].rows if not r.twin}
    between = sum((figures[t]["capacity/capacity_rps"].centre or 0) for t in ("go", "rust-axum")) / 2
    limit(page, "p99", 1_000)
    limit(page, "rate", between)
    assert judged(page)["rust-axum"] == "meets"
    assert judged(page)["go"] != "meets"
    peaks = [(figures[t]["peak_rss_bytes"].centre or 0) / 2**20 for t in ("go", "rust-axum")]
    limit(page, "rate", 500)
    limit(page, "memory", sum(peaks) / 2)
    assert judged(page)["go"] == "fails"
    assert page.inner_text("#answer").startswith("rust-axum meets these limits")
    limit(page, "memory", 1)
    assert page.inner_text("#answer") == "No target meets these limits."


def test_beyond_the_measured_cores_throughput_is_called_an_estimate(
    report: Path, watched: Callable[..., Watched]
) -> None:
    page = watched().open(report)
    row = page.locator("#judged tr", has_text="rust-axum")
    assert "estimate" not in row.inner_text()
    limit(page, "cores", 64)
    assert "linear estimate, not measured" in row.inner_text()


NO_RANGE = {"low": None, "high": None}
TARGET = {
    "id": "a",
    "label": "a",
    "slot": 0,
    "valid": True,
    "reason": None,
    "cpu_ns": {"centre": 100_000, "window": "w", **NO_RANGE},
    "capacity": {"centre": 9_000, "kind": "closed", "at_least": False, "window": "peak", **NO_RANGE},
    "loaded_bytes": {"centre": 2**24, **NO_RANGE},
    "peak_bytes": {"centre": 2**25, **NO_RANGE},
    "latencies": [
        {"rps": 100, "window": "w", "scenario": "s", "centre": 1e6, **NO_RANGE},
        {"rps": 1_000, "window": "w", "scenario": "s", "centre": 5e6, "low": 4e6, "high": 12e6},
    ],
}


WIDE = {"rps": 100, "window": "w", "scenario": "s", "centre": 1e6, "low": 1e3, "high": 1e9}


@pytest.mark.parametrize(
    ("limits", "changes", "meets", "note"),
    [
        ({}, {}, True, ""),
        ({"rate": 500}, {}, True, ""),
        ({"rate": 2_000}, {}, None, "P99 was not measured at that rate; at 1,000/s it is 5 ms"),
        ({"rate": 500, "p99": 10}, {}, None, "P99 up to 12 ms within its interval"),
        ({"rate": 500, "p99": 4}, {}, False, "P99 5 ms"),
        ({"rate": 20_000}, {}, False, "carries 9,000/s"),
        ({"memory": 31}, {}, False, "peaks at 32 MiB"),
        ({}, {"peak_bytes": {"centre": None, **NO_RANGE}}, None, "memory was not measured"),
        ({}, {"valid": False, "reason": "late"}, None, "invalid: late"),
        ({}, {"capacity": None}, None, "throughput was not measured"),
        ({"p99": 4}, {"latencies": [WIDE]}, None, "P99 1 ms, but its trials differ too much"),
    ],
)
def test_one_target_against_limits(
    limits: dict[str, float],
    changes: dict[str, Any],
    meets: bool | None,
    note: str,
    report: Path,
    watched: Callable[..., Watched],
) -> None:
    page = watched().open(report)
    data = {"scenario": "s", "measured_cores": 1, "caution": None, "targets": [{**TARGET, **changes}]}
    asked = {"rate": 100, "p99": 100, "memory": 64, "cores": 1, **limits}
    (found,) = page.evaluate("([data, limits]) => judge(data, limits)", [data, asked])
    assert found["meets"] is meets
    assert note in "; ".join(found["notes"])
    assert found["cores100k"] == pytest.approx(10)


def test_limits_are_shared_in_the_address(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    limit(page, "rate", 777)
    assert "rate=777" in page.evaluate("location.hash")
    other = watched().open(report, "#rate=777&p99=7&memory=70&cores=2")
    assert [other.input_value(f"#limits input[name={n}]") for n in ("rate", "p99", "memory", "cores")] == [
        "777",
        "7",
        "70",
        "2",
    ]


def test_presets_fill_the_limits(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    page.click("text=the published table")
    assert page.input_value("#limits input[name=rate]") == "48200"


def test_a_limit_that_is_none_is_said(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    limit(page, "rate", 0)
    assert "above 0" in page.inner_text("#answer")


# --- unusual runs ----------------------------------------------------------------------------------------------


NAMES_THAT_MEET = """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
  const names = [...svg.querySelectorAll("text")].filter((t) => Number(getComputedStyle(t).fontWeight) >= 600)
    .map((t) => ({ text: t.textContent, box: t.getBoundingClientRect() }));
  if (!names.length) return [];
  const meets = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return names.flatMap((a, n) => names.slice(n + 1).filter((b) => meets(a.box, b.box))
    .map((b) => `${a.text} and ${b.text} in ${svg.getAttribute("aria-labelledby")}`));
})"""


@pytest.mark.parametrize("width", [400, 1280])
def test_names_in_pictures_never_meet(
    width: int, crowd: Path, report: Path, watched: Callable[..., Watched]
) -> None:
    for path in (crowd, report):
        page = watched(width).open(path)
        bold = page.evaluate(
            "[...document.querySelectorAll('figure svg text')]"
            ".filter((t) => Number(getComputedStyle(t).fontWeight) >= 600).length"
        )
        assert bold > 10
        assert page.evaluate(NAMES_THAT_MEET) == []


def test_every_table_and_picture_has_a_name_for_who_cannot_see_it(
    any_page: Path, watched: Callable[..., Watched]
) -> None:
    page = watched().open(any_page)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    found = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    shown = [n for n in found if not n["ignored"]]
    named: dict[str, list[str]] = {"table": [], "figure": [], "image": [], "columnheader": []}
    for node in shown:
        if (role := node["role"]["value"]) in named:
            named[role].append((node.get("name") or {}).get("value", ""))
    assert len(named["table"]) == page.locator("table").count()
    assert all(name for names in named.values() for name in names), named


def test_without_scripts_there_is_no_form_that_does_nothing(report: Path, browser: Callable[[], Any]) -> None:
    page = browser().new_page(java_script_enabled=False)
    page.goto(report.as_uri())
    assert not page.locator("#limits").is_visible()
    assert "needs JavaScript" in page.inner_text("#answer")
    assert page.locator("#tables table").first.is_visible()
    page.close()


def test_one_target_and_twelve(
    crowd: Path, making: Callable[[Making], RunFolder], watched: Callable[..., Watched]
) -> None:
    alone = write_all(making(replace(CROWD, targets=many(["service-00"]))))[1]["html"]
    for path, count in ((alone, 1), (crowd, 12)):
        one = watched()
        page = one.open(path)
        assert not one.complaints
        assert page.locator("#judged tr").count() == count
        assert page.locator("#pictures svg").count() >= 5


def test_all_runs_are_listed_with_their_trends(index: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(index)
    assert page.locator("#runs tbody tr").count() == 29
    assert "0007" in page.inner_text("body")
    assert page.locator("#trends svg polyline").count() == 4
    assert page.locator("#trends tbody tr").first.locator("td").nth(2).inner_text() == "29"
