"""The master's book on a window: whatever workers say or fail to say, it ends, and tells what was wrong."""

from typing import Any

import pytest

from harness.errors import LoadError
from harness.load.plan import LoadPlan, Share
from harness.load.window import Window, merged_markers

PLAN = LoadPlan("w", "h", 1, "/pool", "closed", 4, 1.0)


def row(completed: int = 5, failed: int = 0, dropped: int = 0) -> dict[str, int]:
    return {"second": 0, "completed": completed, "failed": failed, "dropped": dropped}


def report(seq: int, run: str = "w", **counts: int) -> dict[str, Any]:
    return {"run": run, "seq": seq, "records": [], "seconds": [row(**counts)]}


def done(reports: int, run: str = "w") -> dict[str, Any]:
    return {"run": run, "reports": reports, "totals": {"sent": 5}, "markers": {}, "tcp": {"retransmits": 0}}


def window() -> Window:
    return Window(PLAN, ["a", "b"])


def test_a_clean_window_has_no_problems() -> None:
    book = window()
    assert (book.share("a"), book.share("b")) == (Share(0, 2), Share(1, 2))
    for worker in ("a", "b"):
        book.on_ready(worker, {"run": "w", "connections": 2, "schedule_sha256": "x"})
        assert book.on_report(worker, report(1))
        assert book.on_report(worker, report(2, failed=1, dropped=2))
    assert book.all_ready
    assert book.awaited == ("a", "b")
    book.on_done("a", done(2))
    book.on_done("b", done(2))
    assert not book.awaited
    assert book.problems == []
    assert book.progress.completed == 20
    assert book.progress.failed == 6
    assert book.totals()["a"] == {"sent": 5, "tcp": {"retransmits": 0}}
    assert book.schedule_sha256() == "x"


@pytest.mark.parametrize(
    ("seqs", "reports", "complaint"),
    [
        ((1, 3), 3, "reports 2 to 2 of worker a are missing"),
        ((2,), 2, "reports 1 to 1"),
        ((1, 1), 1, "sent report 1 after 1"),
        ((1,), 2, "made 2 reports, the last to arrive is 1"),
    ],
)
def test_missing_and_repeated_reports_are_problems(
    seqs: tuple[int, ...], reports: int, complaint: str
) -> None:
    book = window()
    for seq in seqs:
        book.on_report("a", report(seq))
    book.on_done("a", done(reports))
    assert any(complaint in problem for problem in book.problems)


def test_a_repeated_report_is_not_counted_twice() -> None:
    book = window()
    assert book.on_report("a", report(1))
    assert not book.on_report("a", report(1))
    assert book.progress.completed == 5


def test_what_belongs_to_another_window_is_ignored() -> None:
    book = window()
    assert not book.on_report("a", report(9, run="before"))
    assert not book.on_report("stranger", report(1))
    book.on_done("a", done(9, run="before"))
    book.on_ready("a", {"run": "before"})
    assert book.problems == []
    assert book.awaited == ("a", "b")
    assert not book.all_ready


def test_a_lost_worker_is_no_longer_awaited() -> None:
    book = window()
    book.on_done("b", done(0))
    book.on_lost("a", "fell silent")
    book.on_lost("b", "quit")
    assert book.awaited == ()
    assert book.problems == ["worker a fell silent before the window was over"]


def test_giving_up_names_whoever_owes_something() -> None:
    book = window()
    book.on_done("a", done(0))
    book.give_up("did not deliver its totals in time")
    assert book.awaited == ()
    assert book.problems == ["worker b did not deliver its totals in time"]


def test_a_refusal_keeps_its_reason() -> None:
    book = window()
    book.on_failed("b", {"run": "w", "reason": "no such file"})
    assert book.refusal is not None
    assert "no such file" in book.refusal


def test_workers_must_agree_on_the_schedule() -> None:
    book = window()
    book.on_ready("a", {"run": "w", "schedule_sha256": "x"})
    book.on_ready("b", {"run": "w", "schedule_sha256": "y"})
    with pytest.raises(LoadError, match="do not agree"):
        book.schedule_sha256()


def test_markers_of_workers_are_joined() -> None:
    one = {"1": {"count": 3, "first_unix_ns": 10, "last_unix_ns": 20}}
    two = {
        "1": {"count": 4, "first_unix_ns": 5, "last_unix_ns": 15},
        "2": {"count": 1, "first_unix_ns": 30, "last_unix_ns": 30},
    }
    assert merged_markers([one, {}, two]) == {
        "1": {"count": 7, "first_unix_ns": 5, "last_unix_ns": 20},
        "2": {"count": 1, "first_unix_ns": 30, "last_unix_ns": 30},
    }
    assert one["1"]["count"] == 3, "what is merged must stay as it was"
