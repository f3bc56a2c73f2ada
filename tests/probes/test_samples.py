"""The table written by the sampler and read back."""

from __future__ import annotations

import io
from types import MappingProxyType

import pytest

from harness.errors import StoreError
from harness.probes.procfs import CoreTime
from harness.probes.samples import Row, RowWriter, read_rows

ROWS = [
    Row(monotonic_ns=1, unix_ns=11, late_ns=0, rss_bytes=4096, cpu_ns=5),
    Row(monotonic_ns=2, unix_ns=12, event='mark a "quoted", name', pss_bytes=7),
    Row(monotonic_ns=3, unix_ns=13, cores=MappingProxyType({0: CoreTime(1, 2), 3: CoreTime(3, 4)})),
    Row(monotonic_ns=4, unix_ns=14, cores=MappingProxyType({3: CoreTime(0, 0)})),
]


def written(cores: tuple[int, ...] = (0, 3)) -> str:
    out = io.StringIO()
    writer = RowWriter(out, cores)
    for row in ROWS:
        writer.write(row)
    return out.getvalue()


def test_what_is_written_is_read() -> None:
    assert read_rows(written().splitlines(keepends=True)) == ROWS


def test_zero_and_missing_stay_apart() -> None:
    rows = read_rows(written().splitlines(keepends=True))
    assert rows[0].late_ns == 0
    assert rows[0].pss_bytes is None
    assert rows[3].cores == {3: CoreTime(0, 0)}


def test_a_line_cut_off_by_a_kill_is_left_out() -> None:
    text = written()
    for length in (len(text) - 1, len(text) - 5):
        assert read_rows(text[:length].splitlines(keepends=True)) == ROWS[:-1]
    assert read_rows([]) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (("\n1,", "\n2,"), "line 2 is not of schema 1"),
        (("rss_bytes", "rss_kb"), "not the columns of schema 1"),
        (("4096", "4,096"), "line 2 is not of schema 1"),
        (("4096", "much"), "line 2: .*much"),
    ],
)
def test_anything_else_is_refused(damage: tuple[str, str], message: str) -> None:
    with pytest.raises(StoreError, match=message):
        read_rows(written().replace(*damage).splitlines(keepends=True))
