"""How closed windows are offered: with every core, and once more with a core less where the target was not busy."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.load.plan import LoadPlan
from harness.load.supervise import LoadResult
from harness.model import RateStep, Window
from harness.probes.procfs import CoreTime
from harness.probes.samples import Row
from harness.trials.load import note_unsettled, offer_closed
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, UnderLoad
from harness.trials.undisturbed import offer_undisturbed
from harness.units import NS_PER_S

START = 1_700_000_000 * NS_PER_S
WINDOW = Window(name="peak", mode="closed", duration=5.0)


class SimulatedLoad:
    """Stands for UnderLoad: a target that uses a share of its core, and a generator worth so much a thread."""

    def __init__(self, cpu_ratio: float, threads: int, rps_by_threads: dict[int, float]) -> None:
        self.threads, self.rps_by_threads = threads, rps_by_threads
        self.names: list[str] = []
        rows = [
            Row(monotonic_ns=n, unix_ns=START + n * NS_PER_S, cpu_ns=round(n * cpu_ratio * NS_PER_S))
            for n in range(-1, 8)
        ]
        self.trial = cast(Trial, SimpleNamespace(rows=lambda until_unix_ns: rows, budget_cores=1))

    def offer(self, window: Window, connections: int, name: str, threads: int | None = None) -> Offered:
        self.names.append(name)
        count = threads or self.threads
        plan = LoadPlan(name, "h", 1, None, "closed", connections, window.length_s, threads=count)
        totals = {"w": {"completed": round(self.rps_by_threads[count] * plan.duration_s)}}
        result = LoadResult(plan, START, None, {}, totals, {}, (), Path("reports"))
        return Offered(window, connections, plan, result, Path(name), None, START + 5 * NS_PER_S)


@pytest.mark.parametrize(
    ("cpu_ratio", "threads", "names", "gain_ratio"),
    [
        (0.95, 3, ["peak"], None),  # the target was busy
        (0.50, 1, ["peak"], None),  # there is no core to take away
        (0.50, 3, ["peak", "peak-a-core-less"], 0.02),
        (0.50, 2, ["peak", "peak-a-core-less"], 0.50),
    ],
)
def test_a_core_is_taken_away_where_it_can_tell_something(
    cpu_ratio: float, threads: int, names: list[str], gain_ratio: float | None
) -> None:
    load = SimulatedLoad(cpu_ratio, threads, {1: 1_000.0, 2: 1_500.0, 3: 1_530.0})
    offered = offer_closed(cast(UnderLoad, load), WINDOW, 64, "peak")
    assert load.names == names
    assert offered.plan.threads == threads
    assert offered.second_core_gain_ratio == (None if gain_ratio is None else pytest.approx(gain_ratio))


class StolenLoad(SimulatedLoad):
    """Of each window, in the order in which it is offered, this share of the core was the hypervisor's."""

    def __init__(self, stolen: list[float | None]) -> None:
        super().__init__(0.95, 1, {1: 1_000.0})
        self.stolen = stolen
        self.trial = cast(Trial, SimpleNamespace(rows=self.rows, budget_cores=1))

    def rows(self, until_unix_ns: int) -> list[Row]:
        ratio = self.stolen[len(self.names) - 1]
        return [
            Row(
                monotonic_ns=n,
                unix_ns=START + n * NS_PER_S,
                cpu_ns=n * NS_PER_S,
                cores={} if ratio is None else {0: CoreTime(0, round(n * ratio * NS_PER_S))},
            )
            for n in range(8)
        ]


@pytest.mark.parametrize("offer", [offer_undisturbed, offer_closed])
@pytest.mark.parametrize(
    ("stolen", "names"),
    [
        ([0.009], ["peak"]),
        ([None], ["peak"]),  # not known
        ([0.011, 0.0], ["peak", "peak-try-2"]),
        ([0.5, 0.02, 0.0], ["peak", "peak-try-2", "peak-try-3"]),
        ([0.5, 0.02, 0.5, 0.0], ["peak", "peak-try-2", "peak-try-3"]),  # and no more
    ],
)
def test_a_window_from_which_the_hypervisor_took_a_core_is_offered_again(
    offer: Any, stolen: list[float | None], names: list[str]
) -> None:
    load = StolenLoad(stolen)
    offered = offer(cast(UnderLoad, load), WINDOW, 64, "peak")
    assert load.names == names
    assert offered.folder.name == names[-1]
    assert [o.folder.name for o in offered.disturbed] == names[:-1]


@pytest.mark.parametrize(
    ("engine", "cores", "window", "connections", "threads"),
    [
        ("native", 4, WINDOW, 64, 4),
        ("native", 4, WINDOW, 2, 2),
        ("locust", 4, WINDOW, 64, 1),
        ("native", 1, WINDOW, 64, 1),
        ("native", 4, Window(name="r", mode="open", rate_rps=1_000, duration=5), 64, 1),
        ("native", 4, Window(name="r", mode="open", rate_rps=100_000, duration=5), 64, 3),
        (
            "native",
            4,
            Window(
                name="r",
                mode="open",
                steps=(RateStep(rate_rps=10, duration=5), RateStep(rate_rps=900_000, duration=5)),
            ),
            64,
            4,
        ),
    ],
)
def test_a_native_worker_has_as_many_threads_as_are_of_use(
    engine: str, cores: int, window: Window, connections: int, threads: int
) -> None:
    placement = SimpleNamespace(generator_cpus=tuple(range(cores)), sharing="none", loads_target_cpus=False)
    bench: Any = SimpleNamespace(engine=engine, seed=1, run_id="r", placement=placement)
    case = SimpleNamespace(id="c", scenario=SimpleNamespace(timeout=10.0))
    trial = cast(Trial, SimpleNamespace(bench=bench, planned=SimpleNamespace(case=case, round=1)))
    running: Any = SimpleNamespace(host="127.0.0.1", port=80)
    generator: Any = None
    load = UnderLoad(trial, running, generator, Path("pool"), 0)
    assert load.plan(window, connections).threads == threads
    assert load.plan(window, connections, threads=1).threads == 1


@pytest.mark.parametrize(("only_messages", "answered"), [(True, 7), (False, None)])
def test_a_service_counts_messages_and_so_nothing_is_compared_with_other_requests(
    only_messages: bool, answered: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([100, 107])
    monkeypatch.setattr(
        "harness.trials.under_load.info", lambda url: {"messages_answered": next(counts)}, raising=True
    )
    placement = SimpleNamespace(generator_cpus=(0,), sharing="none", loads_target_cpus=False)
    bench: Any = SimpleNamespace(engine="native", seed=1, run_id="r", placement=placement)
    case = SimpleNamespace(id="c", scenario=SimpleNamespace(timeout=10.0))
    marks: list[str] = []
    look: Any = SimpleNamespace(
        bench=bench,
        planned=SimpleNamespace(case=case, round=1),
        folder=tmp_path,
        watch=lambda window: None,
        mark=marks.append,
        tell=lambda text: None,
    )
    generator: Any = SimpleNamespace(
        offer=lambda plan, folder, tell: LoadResult(plan, START, None, {}, {}, {}, (), folder)
    )
    running: Any = SimpleNamespace(host="127.0.0.1", port=80, url="http://127.0.0.1:80")
    load = UnderLoad(look, running, generator, Path("pool"), 0, only_messages=only_messages)
    assert load.offer(WINDOW, 64, "peak").answered == answered
    assert marks == ["peak ended"]


def test_a_window_that_began_slowly_is_noted_and_no_other() -> None:
    notes: list[str] = []
    windows = [
        {"name": "slow", "settled": {"ok": False, "text": "its first second had 43.0 % of the answers"}},
        {"name": "calm", "settled": {"ok": True, "text": "well"}},
        {"name": "short", "settled": {"ok": None, "text": "not judged"}},
        {"name": "open", "settled": None},
        {"name": "searched"},
    ]
    note_unsettled(cast(Trial, SimpleNamespace(record={"windows": windows}, note=notes.append)))
    assert notes == ["slow: the service was still warming up, its first second had 43.0 % of the answers"]
