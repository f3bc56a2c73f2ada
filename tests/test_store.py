"""Results: whole or not at all, readable after any end, refused when of another schema."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.store import (
    RunFolder,
    new_run_id,
    open_run,
    read_json,
    write_atomically,
    write_json,
    write_outcome,
)


def a_run(tmp_path: Path) -> RunFolder:
    run = RunFolder.create(tmp_path / "results", new_run_id())
    run.write_run({"status": "running"})
    return run


def save_trial(run: RunFolder, case: str = "s/go", number: int = 1, attempt: int = 1) -> None:
    with run.new_trial(case, number, attempt) as folder:
        write_json(folder / "trial.json", {"schema": 1, "round": number})


def test_latest_names_the_newest_run(tmp_path: Path) -> None:
    first, second = a_run(tmp_path), a_run(tmp_path)
    latest = tmp_path / "results" / "latest"
    assert latest.resolve() == second.path.resolve() != first.path.resolve()


def test_an_outcome_before_any_run_does_not_stand_in_the_way_of_the_first(tmp_path: Path) -> None:
    write_outcome(tmp_path / "results", {"exit_code": 2})
    run = a_run(tmp_path)
    write_outcome(tmp_path / "results", {"exit_code": 0})
    assert read_json(run.path / "outcome.json")["exit_code"] == 0


def test_an_outcome_that_has_no_place_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot create .*file/latest: Not a directory"):
        write_outcome(tmp_path / "file", {"exit_code": 2})


def test_trials_are_kept_in_their_folders_and_read_in_order(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    for number, attempt in ((2, 1), (1, 1), (1, 2)):
        save_trial(run, number=number, attempt=attempt)
    assert [t["folder"] for t in run.trials()] == ["trials/s/go/01", "trials/s/go/01b", "trials/s/go/02"]


def test_a_trial_that_was_cut_off_is_not_a_result(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    save_trial(run)
    with pytest.raises(KeyboardInterrupt), run.new_trial("s/go", 2) as folder:
        (folder / "samples.csv").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert [t["round"] for t in run.trials()] == [1]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2}', '{"no": 1}', '{"schema": 1'])
def test_what_is_not_ours_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=str(path)):
        read_json(path)


def test_a_run_is_opened_by_folder_or_file_and_nothing_else(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert open_run(run.path).run_id == open_run(run.path / "run.json").run_id == run.run_id
    with pytest.raises(StoreError, match="holds no run"):
        open_run(tmp_path)


def test_missing_figures_are_null_and_never_not_a_number(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"schema": 1, "p99": None})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))["p99"] is None
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "y.json", {"schema": 1, "p99": float("nan")})


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_leaves_the_old_file_whole_and_says_what_to_do(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        write_atomically(disk / "a.json", "old")
        with pytest.raises(StoreError, match="free some space"):
            write_atomically(disk / "a.json", "x" * 200_000)
        assert (disk / "a.json").read_text(encoding="utf-8") == "old"
        assert sorted(p.name for p in disk.iterdir()) == ["a.json"]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old", encoding="utf-8")
    code = (
        "import os, sys; from pathlib import Path; from harness import store\n"
        "os.fsync = lambda _: os.kill(os.getpid(), 9)\n"
        "store.write_atomically(Path(sys.argv[1]), 'new')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -9
    assert path.read_text(encoding="utf-8") == "old"
