"""Configuration files: every problem at once, each with its line, key and the nearest valid key."""

from pathlib import Path

import pytest

from harness.catalogue import (
    ROOT,
    all_scenarios,
    find_scenario,
    find_target,
    merge,
    read_scenario,
    read_target,
)
from harness.config import ConfigError, read_model
from harness.errors import UsageError
from harness.kit.cases import CaseFile
from harness.kit.kit import CORPUS_MESSAGES
from harness.model import JsonObject, Scenario, TargetFile, Traffic, Variant
from harness.report.summary import panels_of

GOOD = """\
schema: 1
name: mine
question: Does it work?
windows:
  - {name: peak, mode: closed, duration: 2s}
"""


def problems_of(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_scenario(path)
    return [(p.line, p.key, p.text) for p in caught.value.problems]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    scenario = read_scenario(path)
    assert (scenario.windows[0].duration, scenario.folder) == (2.0, tmp_path)


def test_all_problems_are_found_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        GOOD.replace("question", "quesion").replace("duration: 2s", "duration: soon") + "warmup: {mx: 3s}\n"
    )
    found = problems_of(tmp_path, text)
    assert {(line, key) for line, key, _ in found} == {
        (1, "question"),
        (3, "quesion"),
        (5, "windows.0.duration"),
        (6, "warmup.mx"),
    }
    texts = {key: text for _, key, text in found}
    assert "did you mean 'question'" in texts["quesion"]
    assert "did you mean 'max'" in texts["warmup.mx"]
    assert "soon" in texts["windows.0.duration"]


@pytest.mark.parametrize(
    ("change", "line", "word"),
    [
        (("schema: 1", "schema: 2"), 1, "1"),
        (("duration: 2s", "connections: [16]"), 5, "duration"),
        (("mode: closed, duration: 2s", "mode: open"), 5, "rate_rps"),
        (("mode: closed", "mode: sideways"), 5, "closed"),
        (("name: mine", "name: 'Not A Name'"), 2, "pattern"),
    ],
)
def test_what_a_value_may_be(tmp_path: Path, change: tuple[str, str], line: int, word: str) -> None:
    found = problems_of(tmp_path, GOOD.replace(*change))
    assert [p[0] for p in found] == [line]
    assert word in found[0][2]


TARGET = """\
schema: 1
name: mine
label: Mine
language: C
contract: 1
payload: tree
process: {run: ["{build}/service"]}
"""


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        (("process: {", "process: {sources: '*.c', "), "process.sources", "must be a list (here: '*.c')"),
        (("payload: tree", "payload: trea"), "payload", "must be 'raw' or 'tree' (here: 'trea')"),
        (("payload: tree", "payload: tree\ndownload: lots"), "download", "'lots' is not a size; write"),
        (
            ("payload: tree", "payload: tree\nvariants: [a]"),
            "variants",
            "must be a mapping of names to values",
        ),
        (("process: {", "process: {bild: [], "), "process.bild", "unknown key; did you mean 'build'?"),
        (("process: {", "process: {sources: ['/x/*.c'], "), "process.sources.0", "must be a pattern within"),
        (("process: {", "process: {sources: ['!/x/*.c'], "), "process.sources.0", "must be a pattern within"),
        (("process: {", "process: {sources: [''], "), "process.sources.0", "must be a pattern within"),
        (("process: {", "process: {sources: ['src/**.c'], "), "process.sources.0", "has ** beside other"),
        (
            ("payload: tree", "payload: tree\ntoolchain: [{command: cc, install: x, pattern: '(\\d'}]"),
            "toolchain.0.pattern",
            "is no regular expression: missing ), unterminated subpattern at position 0 (here: ",
        ),
        (
            ("payload: tree", "payload: tree\ntoolchain: [{command: cc, install: x, pattern: '\\d+'}]"),
            "toolchain.0.pattern",
            "has no group: put what is wanted of a match in ( ) (here: ",
        ),
        (
            (
                "payload: tree",
                "payload: tree\nnewest_runtime: {pinned: [a], releases: [a], update: [a], pattern: '1'}",
            ),
            "newest_runtime.pattern",
            "has no group",
        ),
        (
            ("payload: tree", "payload: tree\nvariants: {f: {reason: r, process: {sources: [/x]}}}"),
            "variants.f.process.sources.0",
            "must be a pattern within",
        ),
        (
            ("payload: tree", "payload: tree\nvariants: {fast: {reason: r, enviroment: {A: '1'}}}"),
            "variants.fast.enviroment",
            "unknown key; did you mean 'environment'?",
        ),
        (
            ("payload: tree", "payload: tree\nvariants: {fast: {reason: r, process: {rn: [a]}}}"),
            "variants.fast.process.rn",
            "unknown key; did you mean 'run'?",
        ),
    ],
)
def test_a_target_file_is_told_in_the_words_of_yaml(
    tmp_path: Path, change: tuple[str, str], place: str, words: str
) -> None:
    path = tmp_path / "target.yaml"
    path.write_text(TARGET.replace(*change))
    with pytest.raises(ConfigError) as caught:
        read_model(path, TargetFile)
    (problem,) = caught.value.problems
    assert problem.key == place
    assert problem.text.startswith(words)
    assert "(here: 'lots')" not in problem.text


def test_a_name_that_is_not_the_folders_is_told_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "target.yaml").write_text(TARGET)
    with pytest.raises(ConfigError) as caught:
        read_target(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (2, "name")


def test_a_request_that_cannot_be_sent_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "here.json").write_text("{}")
    request = "request:\n  path: api\n  token_file: none.txt\n  body_files: [here.json, away.json]\n"
    assert problems_of(tmp_path, GOOD + request) == [
        (7, "request.path", "must begin with / (here: 'api')"),
        (8, "request.token_file", f"no file {tmp_path / 'none.txt'}"),
        (9, "request.body_files.1", f"no file {tmp_path / 'away.json'}"),
    ]


def test_a_key_of_another_place_is_not_guessed_at(tmp_path: Path) -> None:
    ((_, key, text),) = problems_of(tmp_path, GOOD + "conections: 3\n")
    assert key == "conections"
    assert "did you mean" not in text and "windows" in text


def test_a_key_given_twice_is_an_error(tmp_path: Path) -> None:
    assert "twice" in problems_of(tmp_path, GOOD + "name: other\n")[0][2]


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "", "\tx: 1"])
def test_what_is_no_mapping_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    assert problems_of(tmp_path, text)[0][0] >= 1


def test_two_windows_may_not_share_a_name(tmp_path: Path) -> None:
    text = GOOD + "  - {name: peak, mode: closed, duration: 1s}\n"
    (problem,) = problems_of(tmp_path, text)
    line = GOOD.count("\n") + 1
    assert problem == (line, "windows.1.name", "two windows have the same name (here: 'peak')")


@pytest.mark.parametrize(
    ("promise", "key", "words"),
    [
        ("metric: response_p99_ms, window: night, at_most: 1", "window", ["'night'", "known here: peak"]),
        ("metric: response_p99_ms, window: peek, at_most: 1", "window", ["did you mean 'peak'"]),
        ("metric: respons_p99_ms, window: peak, at_most: 1", "metric", ["did you mean 'response_p99_ms'"]),
        ("metric: response_p99, window: peak, at_most: 1", "metric", ["did you mean 'response_p99_"]),
        ("metric: response_p99_mib, window: peak, at_most: 1", "metric", ["did you mean 'response_p99_ms'"]),
        ("metric: capacity_rps, window: peak, at_least: 1", "metric", ["unknown metric"]),
        ("metric: memory_peek_mib, at_most: 1", "metric", ["did you mean 'memory_peak_mib'"]),
        ("metric: response_p99_ms, at_most: 1", "metric", ["unknown metric 'response_p99_ms'"]),
        ("metric: ready_ms", "", ["at_most"]),
    ],
)
def test_a_promise_of_what_is_not_measured_is_told_with_its_line(
    tmp_path: Path, promise: str, key: str, words: list[str]
) -> None:
    good = "  - {metric: response_p99_ms, window: peak, at_most: 1}\n"
    found = problems_of(tmp_path, f"{GOOD}promises:\n{good}  - {{{promise}}}\n")
    assert [(line, place) for line, place, _ in found] == [(8, f"promises.1.{key}".rstrip("."))]
    assert [w for w in words if w not in found[0][2]] == []


@pytest.mark.parametrize(
    ("window", "key", "modes"),
    [
        ("mode: closed, duration: 1s, rate_rps: 5", "rate_rps", "open"),
        ("mode: closed, duration: 1s, steps: [{rate_rps: 5, duration: 1s}]", "steps", "open"),
        ("mode: closed, duration: 1s, arrivals: constant", "arrivals", "open or capacity"),
        ("mode: closed, duration: 1s, p99_limit: 10ms", "p99_limit", "capacity"),
        ("mode: open, duration: 1s, rate_rps: 5, think_time: 1", "think_time", "closed"),
        ("mode: open, duration: 1s, rate_rps: 5, connections_full: [1]", "connections_full", "closed"),
        ("mode: open, duration: 1s, rate_rps: 5, probe: 1s", "probe", "capacity"),
        ("mode: capacity, p99_limit: 10ms, duration: 1s", "duration", "closed or open"),
        ("mode: capacity, p99_limit: 10ms, shares: [0.5]", "shares", "open"),
    ],
)
def test_a_key_that_does_nothing_in_a_window_of_that_mode_is_told_with_its_line(
    tmp_path: Path, window: str, key: str, modes: str
) -> None:
    mode = window.removeprefix("mode: ").partition(",")[0]
    assert problems_of(tmp_path, f"{GOOD}  - {{name: w, {window}}}\n") == [
        (6, f"windows.1.{key}", f"does nothing where the mode is {mode}, only where it is {modes}")
    ]


@pytest.mark.parametrize(
    ("text", "line", "key", "kinds"),
    [
        ("kind: memory\nrequest: {path: /x}", 5, "request", ("memory", "load")),
        ("kind: cold-start\nrequest: {path: /x}", 5, "request", ("cold-start", "load")),
        ("kind: reload\nrequest: {path: /x}", 5, "request", ("reload", "load")),
        (
            "kind: memory\nwindows: [{name: w, mode: closed, duration: 1s}]",
            5,
            "windows",
            ("memory", "load"),
        ),
        ("kind: reload\nmemory: {settle: 1s}", 5, "memory", ("reload", "memory")),
        ("kind: memory\nreload: {changes: 3}", 5, "reload", ("memory", "reload")),
        ("kind: memory\ncold_start: {starts: 3}", 5, "cold_start", ("memory", "cold-start")),
    ],
)
def test_a_key_that_does_nothing_in_a_scenario_of_that_kind_is_told_with_its_line(
    tmp_path: Path, text: str, line: int, key: str, kinds: tuple[str, str]
) -> None:
    head = "schema: 1\nname: mine\nquestion: Does it work?\n"
    kind, other = kinds
    assert problems_of(tmp_path, f"{head}{text}\n") == [
        (line, key, f"does nothing where the kind is {kind}, only where it is {other}")
    ]


def test_a_scenario_asks_for_no_more_messages_than_there_are(tmp_path: Path) -> None:
    ((line, key, _),) = problems_of(tmp_path, f"{GOOD}traffic: {{messages: {CORPUS_MESSAGES + 1}}}\n")
    assert (line, key) == (6, "traffic.messages")
    assert Traffic(messages=CORPUS_MESSAGES) == Traffic()


def test_every_promise_that_a_file_may_make_is_a_figure_of_the_report() -> None:
    """So that none is accepted and then never told."""
    for name in ("routing-4kb", "reload", "cold-start", "memory"):
        scenario = find_scenario(name)
        columns = {m.column.key for _, group in panels_of(dump(scenario)) for m in group}
        windows = [e.name for w in scenario.windows for e in w.expanded()]
        for window in (None, *windows, *(["reload"] if name == "reload" else [])):
            known = scenario.promisable(window)
            assert known
            keys = {f"{window}/{p.figure}" if window else p.figure for p in known.values()}
            assert keys <= columns


def dump(scenario: Scenario) -> JsonObject:
    return dict(scenario.model_dump(mode="json", by_alias=True))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_model(tmp_path / "none.yaml", CaseFile)


def test_every_scenario_of_the_project_is_good_and_named_after_its_file() -> None:
    for scenario in all_scenarios():
        assert (ROOT / "scenarios" / f"{scenario.name}.yaml").is_file()


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'routing-4kb'"):
        find_scenario("routing-4k")
    with pytest.raises(UsageError, match="did you mean 'rust-axum'"):
        find_target("rust-axun")


def a_target(**more: object) -> TargetFile:
    base = {
        "schema": 1,
        "name": "t",
        "label": "T",
        "language": "C",
        "contract": 1,
        "payload": "raw",
        "process": {"run": ["a"], "build": [["b"]]},
        "environment": {"A": "1", "B": "1"},
    }
    return TargetFile.model_validate({**base, **more})


def test_a_variant_is_merged_over_its_target() -> None:
    target = a_target(variants={"v": {"reason": "r", "environment": {"B": 2}, "process": {"run": ["c"]}}})
    merged = merge(target, "v", Path("/t"))
    assert merged.id == "t+v"
    assert merged.environment == {"A": "1", "B": "2"}
    assert merged.process is not None
    assert (merged.process.run, merged.process.build) == (("c",), (("b",),))


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'zgc'"):
        merge(a_target(variants={"zgc": Variant(reason="r")}), "zcg", Path("/t"))


def test_published_schemas_are_those_of_the_models() -> None:
    from harness.schemas import schema_texts

    for name, text in schema_texts().items():
        assert (ROOT / "contract" / "schemas" / name).read_text(encoding="utf-8") == text, (
            f"{name} is out of date: run `harness schemas`"
        )
    assert Scenario.model_json_schema()["additionalProperties"] is False
