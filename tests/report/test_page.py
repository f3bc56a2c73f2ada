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
    go, rust = (figures[t]["capacity/capacity_rps"] for t in ("go", "rust-axum"))
    between = ((go.centre or 0) + (rust.low or 0)) / 2
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


def test_beyond_the_measured_cores_throughput_and_p99_are_called_estimates(
    report: Path, watched: Callable[..., Watched]
) -> None:
    page = watched().open(report)
    row = page.locator("#judged tr", has_text="rust-axum")
    assert "estimate" not in row.inner_text()
    limit(page, "cores", 64)
    assert "throughput and P99 are linear estimates from one core, not measured" in row.inner_text()


NO_RANGE: dict[str, Any] = {"low": None, "high": None}
CLOSED: dict[str, Any] = {
    "centre": 12_000,
    "at_least": False,
    "window": "peak",
    "p99_limit_ms": None,
    **NO_RANGE,
}
CAPACITY: dict[str, Any] = {
    "centre": 9_000,
    "at_least": False,
    "window": "capacity",
    "p99_limit_ms": 10,
    **NO_RANGE,
}
TARGET: dict[str, Any] = {
    "id": "a",
    "label": "a",
    "slot": 0,
    "valid": True,
    "reason": None,
    "cpu_ns": {"centre": 100_000, "window": "w", **NO_RANGE},
    "capacities": [CAPACITY],
    "closed": CLOSED,
    "loaded_bytes": {"centre": 2**24, **NO_RANGE},
    "peak_bytes": {"centre": 2**25, **NO_RANGE},
    "latencies": [
        {"rps": 100, "window": "w", "scenario": "s", "centre": 1e6, **NO_RANGE},
        {"rps": 1_000, "window": "w", "scenario": "s", "centre": 5e6, "low": 4e6, "high": 12e6},
    ],
}


WIDE = {"rps": 100, "window": "w", "scenario": "s", "centre": 1e6, "low": 1e3, "high": 1e9}
AT_CAPACITY = {"rps": 9_000, "window": "capacity", "scenario": "s", "centre": 8e6, **NO_RANGE}
SLOWER_WHEN_IDLE = [
    {"rps": 100, "window": "w", "scenario": "s", "centre": 6e6, **NO_RANGE},
    {"rps": 1_000, "window": "w", "scenario": "s", "centre": 1e6, **NO_RANGE},
]


def searched(**changes: Any) -> dict[str, Any]:
    """A target whose capacity is other than TARGET's, and whose P99 is known at 9,000/s."""
    return {"capacities": [{**CAPACITY, **changes}], "latencies": [AT_CAPACITY]}


FULL = {
    "capacities": [
        {**CAPACITY, "p99_limit_ms": limit_ms, "centre": rps}
        for limit_ms, rps in ((5, 6_000), (10, 9_000), (50, 11_000))
    ]
}
ONLY_CLOSED: dict[str, Any] = {"capacities": [], "latencies": [AT_CAPACITY]}
MORE: dict[str, Any] = {"at_least": True}


def run_of(*changes: dict[str, Any], measured_cores: int = 1) -> dict[str, Any]:
    """What `judge` gets: targets a, b, c that differ from TARGET as said."""
    targets = [{**TARGET, "id": "abcdef"[n], **changed} for n, changed in enumerate(changes)]
    return {"scenario": "s", "measured_cores": measured_cores, "caution": None, "targets": targets}


def asking(**limits: float) -> dict[str, float]:
    return {"rate": 100, "p99": 100, "memory": 64, "cores": 1, **limits}


@pytest.mark.parametrize(
    ("limits", "changes", "meets", "note"),
    [
        ({}, {}, True, ""),
        ({"rate": 500}, {}, True, ""),
        ({"memory": 31}, {}, False, "peaks at 32 MiB"),
        ({}, {"peak_bytes": {"centre": None, **NO_RANGE}}, None, "memory was not measured"),
        ({}, {"valid": False, "reason": "late"}, None, "invalid: late"),
        ({}, {"capacities": [], "closed": None}, None, "throughput was not measured"),
        # P99 at a rate that was measured, between two, and beyond all
        ({"rate": 1_000, "p99": 4}, {}, False, "P99 5 ms"),
        ({"rate": 1_000, "p99": 10}, {}, None, "P99 up to 12 ms within its interval"),
        ({"rate": 500, "p99": 10}, {}, None, "P99 up to 12 ms within its interval"),
        ({"rate": 500, "p99": 4}, {}, None, "P99 was not measured at that rate; at 1,000/s it is 5 ms"),
        ({"rate": 500, "p99": 0.5}, {}, False, "P99 1 ms at 100/s"),
        ({"rate": 500, "p99": 4}, {"latencies": SLOWER_WHEN_IDLE}, True, ""),
        ({"rate": 2_000}, {}, None, "P99 was not measured at that rate; at 1,000/s it is 5 ms"),
        ({"rate": 2_000, "p99": 4}, {}, False, "P99 5 ms at 1,000/s"),
        ({"rate": 4_000, "p99": 4, "cores": 2}, {}, False, "P99 5 ms at 2,000/s"),
        ({"p99": 4}, {"latencies": [WIDE]}, None, "P99 1 ms, but its trials differ too much"),
        # a capacity that was searched at the reader's limit
        ({"rate": 8_000, "p99": 10}, searched(), True, ""),
        ({"rate": 10_000, "p99": 10}, {}, False, "carries 9,000/s"),
        (
            {"rate": 10_000, "p99": 10},
            searched(**MORE),
            None,
            "carries at least 9,000/s; more could not be told",
        ),
        ({"rate": 13_000, "p99": 10}, searched(**MORE), False, "its peak under closed load is 12,000/s"),
        # at a stricter one
        ({"rate": 8_000}, searched(), True, ""),
        (
            {"rate": 10_000},
            {},
            None,
            "carries 9,000/s with P99 within 10 ms; more was not tried at your limit",
        ),
        ({"rate": 13_000}, {}, False, "its peak under closed load is 12,000/s"),
        ({"rate": 13_000}, {"closed": {**CLOSED, **MORE}}, None, "more was not tried at your limit"),
        ({"rate": 13_000}, {"closed": None}, None, "more was not tried at your limit"),
        ({"rate": 9_400}, {"closed": {**CLOSED, "centre": 8_500}}, None, "more was not tried at your limit"),
        ({"rate": 9_500}, {"closed": {**CLOSED, "centre": 8_500}}, False, "closed load is 8,500/s"),
        ({"rate": 10_000, "cores": 2}, searched(), True, ""),
        ({"rate": 20_000, "cores": 2}, {}, None, "carries 18,000/s with P99 within 10 ms"),
        # at a looser one
        ({"rate": 100, "p99": 5}, {}, True, ""),
        ({"rate": 8_000, "p99": 6}, {}, None, "P99 was not measured at that rate"),
        ({"rate": 8_000, "p99": 6}, searched(), None, "not measured at that rate; at 9,000/s it is 8 ms"),
        ({"rate": 8_000, "p99": 9}, searched(), True, ""),
        ({"rate": 10_000, "p99": 6}, {}, False, "carries 9,000/s with P99 within 10 ms"),
        # at several
        ({"rate": 10_000, "p99": 20}, FULL, None, "9,000/s with P99 within 10 ms; more was not tried"),
        ({"rate": 11_500, "p99": 20}, FULL, False, "carries 11,000/s with P99 within 50 ms"),
        ({"rate": 11_500, "p99": 60}, FULL, None, "11,000/s with P99 within 50 ms; more was not tried"),
        ({"rate": 7_000, "p99": 5}, FULL, False, "carries 6,000/s"),
        ({"rate": 7_000, "p99": 3}, FULL, False, "carries 6,000/s with P99 within 5 ms"),
        # at none
        ({"rate": 8_000}, ONLY_CLOSED, True, ""),
        ({"rate": 13_000}, ONLY_CLOSED, False, "its peak under closed load is 12,000/s"),
        (
            {"rate": 13_000},
            {**ONLY_CLOSED, "closed": {**CLOSED, **MORE}},
            None,
            "its peak under closed load is at least 12,000/s; more could not be told",
        ),
        # a capacity whose interval holds the rate
        ({"rate": 8_000}, searched(low=8_500), True, ""),
        ({"rate": 8_000, "p99": 10}, searched(low=7_000), None, "carries 9,000/s, 7,000/s at the low end"),
        ({"rate": 16_000, "cores": 2}, searched(low=7_000), None, "14,000/s at the low end of its interval"),
        ({"rate": 8_000}, searched(low=500), None, "but its trials differ too much"),
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
    (found,) = page.evaluate("([data, limits]) => judge(data, limits)", [run_of(changes), asking(**limits)])
    assert found["meets"] is meets
    assert note in "; ".join(found["notes"])
    assert bool(found["notes"]) is (meets is not True)


@pytest.mark.parametrize(
    ("limits", "changes", "measured_cores", "cores", "sign", "gb"),
    [
        ({"p99": 10}, {"cpu_ns": {**TARGET["cpu_ns"], "centre": 200_000}}, 1, 20, "", 20 * 2**24 / 1e9),
        ({"p99": 10}, {}, 1, 100 / 9, "", 12 * 2**24 / 1e9),
        ({"p99": 10}, {}, 2, 200 / 9, "", 12 * 2**24 / 1e9),
        ({"p99": 10, "rate": 700, "cores": 8}, {}, 1, 100 / 9, "", 12 * 2**24 / 1e9),
        ({"p99": 10}, searched(**MORE), 1, 100 / 9, "≤ ", 12 * 2**24 / 1e9),
        ({"p99": 20}, {}, 1, 100 / 9, "≤ ", 12 * 2**24 / 1e9),
        ({"p99": 5}, {}, 1, 100 / 9, "≥ ", 12 * 2**24 / 1e9),
        ({"p99": 5}, searched(**MORE), 1, 10, "", 10 * 2**24 / 1e9),
        ({}, {"capacities": [], "closed": None}, 1, 10, "", 10 * 2**24 / 1e9),
        ({"p99": 10}, {"cpu_ns": None}, 1, 100 / 9, "", 12 * 2**24 / 1e9),
    ],
)
def test_what_100_000_requests_a_second_take(
    limits: dict[str, float],
    changes: dict[str, Any],
    measured_cores: int,
    cores: float,
    sign: str,
    gb: float,
    report: Path,
    watched: Callable[..., Watched],
) -> None:
    """By CPU time 10 cores; by capacity 11.1."""
    page = watched().open(report)
    data = run_of(changes, measured_cores=measured_cores)
    (found,) = page.evaluate("([data, limits]) => judge(data, limits)", [data, asking(**limits)])
    assert found["cores100k"] == {"value": pytest.approx(cores), "sign": sign}
    assert found["gb100k"] == {"value": pytest.approx(gb), "sign": sign}


@pytest.mark.parametrize(
    ("limits", "changes", "headroom"),
    [
        ({"p99": 10}, {}, {"value": 9, "sign": ""}),
        ({"p99": 20, "cores": 2}, {}, {"value": 18, "sign": "≥ "}),
        ({"p99": 5}, {}, {"value": 9, "sign": "≤ "}),
        ({"p99": 10}, searched(**MORE), {"value": 9, "sign": "≥ "}),
        ({"p99": 5}, searched(**MORE), None),
        ({"p99": 20}, FULL, {"value": 9, "sign": "≥ "}),
        ({}, {"capacities": []}, {"value": 12, "sign": ""}),
    ],
)
def test_headroom_says_at_which_side_of_the_limit_the_capacity_was_searched(
    limits: dict[str, float],
    changes: dict[str, Any],
    headroom: dict[str, Any] | None,
    report: Path,
    watched: Callable[..., Watched],
) -> None:
    page = watched().open(report)
    asked = asking(**{"rate": 1_000, **limits})
    (found,) = page.evaluate("([data, limits]) => judge(data, limits)", [run_of(changes), asked])
    assert found["headroom"] == headroom


FAILS = {"peak_bytes": {"centre": 2**30, **NO_RANGE}}
UNKNOWN = {"peak_bytes": {"centre": None, **NO_RANGE}}
INVALID = {"valid": False, "reason": "late"}
NO_CPU = {"cpu_ns": None}
COSTLY = {"cpu_ns": {"centre": 3e6, "low": 2.9e6, "high": 3.1e6, "window": "w"}}
CHEAP = {"cpu_ns": {"centre": 1e5, "low": 0.9e5, "high": 1.1e5, "window": "w"}}


@pytest.mark.parametrize(
    ("targets", "answer"),
    [
        ([{}], "a meets these limits."),
        ([FAILS], "a does not meet these limits."),
        ([UNKNOWN], "This run cannot tell whether a meets these limits."),
        ([INVALID], "No row of this run is valid, so it cannot answer."),
        ([{}, INVALID], "a meets these limits. No other could be judged."),
        ([{}, FAILS], "a meets these limits. No other does."),
        ([{}, FAILS, INVALID], "a meets these limits. No other that could be judged does."),
        ([{}, UNKNOWN], "a meets these limits. Whether the other does, this run cannot tell."),
        ([{}, UNKNOWN, UNKNOWN], "a meets these limits. Whether the others do, this run cannot tell."),
        (
            [{}, FAILS, UNKNOWN, UNKNOWN],
            "a meets these limits. Of the others, 1 fails; 2 cannot be told.",
        ),
        ([FAILS, FAILS], "No target meets these limits."),
        ([UNKNOWN, UNKNOWN], "This run cannot tell whether any target meets these limits."),
        ([FAILS, UNKNOWN], "This run cannot tell whether any target meets these limits; 1 fails."),
        (
            [{}, {}],
            "Here the runtime does not matter: both meet these limits, and the costliest uses 1.0 % of one core.",
        ),
        ([NO_CPU, NO_CPU], "a and b meet these limits; their CPU time was not measured."),
        ([{}, NO_CPU], "a and b meet these limits at the least CPU; this run cannot tell them apart."),
        (
            [CHEAP, COSTLY],
            "a meets these limits at the least CPU. 1 other meets them too, at more CPU.",
        ),
        (
            [COSTLY, CHEAP, FAILS],
            "b meets these limits at the least CPU. Of the others, 1 meets them too, at more CPU; 1 fails.",
        ),
    ],
)
def test_the_answer_in_a_sentence(
    targets: list[dict[str, Any]], answer: str, report: Path, watched: Callable[..., Watched]
) -> None:
    page = watched().open(report)
    script = "([data, limits]) => sentence(judge(data, limits), limits)"
    assert page.evaluate(script, [run_of(*targets), asking()]) == answer


def test_three_digits_in_a_column(report: Path, watched: Callable[..., Watched]) -> None:
    page = watched().open(report)
    shown = page.evaluate("[0.0123, 12.34, 99.96, 999.4, 999.5, 999.7, 1234].map(aligned)")
    assert shown == ["0.0123", "12.3", "100", "999", "1,000", "1,000", "1,230"]
    assert page.evaluate("[12, 999.7].map(short)") == ["12", "1,000"]


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
