"""A file that is only ever added to: what was written stays readable, whatever a crash does to the last line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.ledger import Ledger


def written(path: Path, *numbers: int) -> Ledger:
    ledger = Ledger(path / "sub" / "x.jsonl")
    ledger.append(*({"n": n} for n in numbers))
    return ledger


def numbers(ledger: Ledger) -> list[int]:
    return [e["n"] for e in ledger.read().entries]


def test_what_is_appended_is_read_in_order_and_what_is_there_stays(tmp_path: Path) -> None:
    ledger = written(tmp_path, 1, 2)
    before = ledger.path.read_bytes()
    assert ledger.append({"n": 3}) is None
    assert numbers(ledger) == [1, 2, 3]
    assert ledger.path.read_bytes().startswith(before)


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none.jsonl").read().entries == ()


@pytest.mark.parametrize("kept_bytes", range(1, 22))
def test_a_line_torn_anywhere_is_dropped_and_told_of(tmp_path: Path, kept_bytes: int) -> None:
    ledger = written(tmp_path, 1, 2)
    whole = ledger.path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    assert kept_bytes < len(last)
    ledger.path.write_bytes(whole[: len(whole) - len(last) + kept_bytes])
    found = ledger.read()
    if kept_bytes == len(last) - 1:  # only its end is missing: nothing is lost
        assert (numbers(ledger), found.dropped) == ([1, 2], ())
        assert ledger.append({"n": 3}) is None
        assert numbers(ledger) == [1, 2, 3]
        return
    assert numbers(ledger) == [1]
    assert "line 2 is torn" in found.dropped[0]
    told = ledger.append({"n": 3})
    assert told is not None
    assert "line 2 is torn" in told
    assert numbers(ledger) == [1, 3]
    assert ledger.read().dropped == ()


def test_a_torn_first_line_and_zeros_from_a_power_failure_are_dropped(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "x.jsonl")
    ledger.path.write_bytes(b"\0" * 40)
    assert "line 1" in ledger.read().dropped[0]
    assert ledger.append({"n": 1}) is not None
    assert numbers(ledger) == [1]


def test_a_torn_line_in_the_middle_costs_no_other(tmp_path: Path) -> None:
    """As when two copies of a file, one of them torn, are put together."""
    ledger = written(tmp_path, 1)
    ledger.path.write_bytes(b'{"schema": 1, "n"\n' + ledger.path.read_bytes())
    assert numbers(ledger) == [1]
    assert "line 1 is torn" in ledger.read().dropped[0]


def test_a_line_of_another_schema_is_refused(tmp_path: Path) -> None:
    ledger = written(tmp_path, 1)
    with ledger.path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"schema": 2}) + "\n")
    with pytest.raises(StoreError, match=r"line 2: schema 2"):
        ledger.read()


def test_a_kill_while_appending_leaves_whole_lines_or_one_torn_at_the_end(tmp_path: Path) -> None:
    code = (
        "import itertools, sys; from pathlib import Path; from harness.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for n in itertools.count(): ledger.append({'n': n, 'text': 'x' * 5000}); print(n, flush=True)"
    )
    ledger = Ledger(tmp_path / "x.jsonl")
    with subprocess.Popen([sys.executable, "-c", code, str(ledger.path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            seen = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
    found = ledger.read()
    assert numbers(ledger) == list(range(len(found.entries)))
    assert len(found.entries) > seen
    assert len(found.dropped) <= 1


def test_two_harnesses_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.ledger import Ledger\n"
        "for n in range(50): Ledger(Path(sys.argv[1])).append({'n': n})"
    )
    path = tmp_path / "x.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [w.wait(60) for w in writers] == [0, 0, 0]
    assert sorted(numbers(Ledger(path))) == sorted(list(range(50)) * 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_told_of_and_what_was_there_stays(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        ledger = Ledger(disk / "x.jsonl")
        ledger.append({"n": 1})
        with pytest.raises(StoreError, match="No space left"):
            ledger.append({"n": 2, "text": "x" * 200_000})
        assert numbers(ledger) == [1]
    finally:
        subprocess.run(["umount", disk], check=True)
