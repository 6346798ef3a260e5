# SPDX-License-Identifier: BSD-3-Clause
"""The metrics, held against the grammar of OpenMetrics 1.0 and its rules on families and units."""

from __future__ import annotations

import math
import re

import pytest

from core.events import Event, Events, Result, Stage
from pansoft.reports import open_metrics
from pansoft.reports.event_report import report_of
from tests.pansoft.reports.event_samples import event, week

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_ESCAPED = r'(?:[^\n"\\]|\\["n\\])*'
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_DESCRIPTOR = re.compile(rf"# (TYPE|UNIT|HELP) ({_NAME}) (.*)")
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? ({_NUMBER})")
_LABEL = re.compile(rf'([a-zA-Z_][a-zA-Z0-9_]*)="({_ESCAPED})"')
_ORDER = ["TYPE", "UNIT", "HELP"]


def parse(text: str) -> dict[str, dict[str, float]]:
    """Return the gauges of an exposition: by family and labels. Whatever the format forbids is an error."""
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1
    families: dict[str, dict[str, float]] = {}
    said: list[str] = []
    for line in text.splitlines()[:-1]:
        if match := _DESCRIPTOR.fullmatch(line):
            kind, name, value = match.groups()
            if kind == "TYPE":
                assert name not in families, f"{name} comes twice or is not in one piece"
                assert value == "gauge"
                families[name], said = {}, []
            assert name == list(families)[-1]
            assert kind not in said
            assert not families[name], "a descriptor after a sample"
            said.append(kind)
            assert said == sorted(said, key=_ORDER.index)
            assert re.fullmatch(_ESCAPED, value)
            if kind == "UNIT":
                assert name.endswith(f"_{value}")
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, f"not a line of the format: {line!r}"
        name, labels, number = match.groups()
        assert name == list(families)[-1], "a sample outside its family"
        found = _LABEL.findall(labels or "")
        assert ",".join(f'{key}="{value}"' for key, value in found) == (labels or "")
        assert len({key for key, _ in found}) == len(found)
        assert (labels or "") not in families[name], "a sample twice"
        assert math.isfinite(float(number))
        families[name][labels or ""] = float(number)
    return families


def metrics(*events: Event, damaged: int = 0) -> dict[str, dict[str, float]]:
    return parse(open_metrics.text(report_of(Events(events, damaged))))


def test_a_week_is_a_valid_exposition() -> None:
    found = metrics(*week(), damaged=3)

    assert found["pansoft_runs"] == {"": 7}
    assert found["pansoft_packages"] == {
        'result="built"': 6, 'result="reused"': 6, 'result="failed"': 1, 'result="refused"': 2,
    }  # fmt: skip
    assert found["pansoft_open_failures"] == {"": 3}
    assert found["pansoft_damaged_lines"] == {"": 3}
    assert found["pansoft_stored_bytes"] == {"": 162_000_000}
    assert found["pansoft_last_run_duration_seconds"] == {"": 475.1}
    assert found["pansoft_last_run_began_seconds"] == {"": 1_795_316_400}
    assert found["pansoft_last_run_packages"]['result="failed"'] == 1


def test_the_figures_are_those_of_the_events() -> None:
    found = metrics(
        event(0, Stage.FETCH, seconds=1.25, size=1000),
        event(1, Stage.BUILD, "a", seconds=3.5, size=20),
        event(2, Stage.TEST, "a", seconds=2.0, result=Result.FAILED),
        event(3, Stage.BUILD, "b", seconds=0.1, result=Result.REUSED),
        event(4, Stage.PUBLISH, "c", result=Result.REUSED),
    )

    assert found["pansoft_stage_seconds"] == {
        'stage="fetch"': 1.25, 'stage="build"': 3.6, 'stage="test"': 2.0, 'stage="publish"': 0,
    }  # fmt: skip
    assert found["pansoft_stage_results"]['stage="build",result="reused"'] == 1
    assert found["pansoft_stage_results"]['stage="test",result="wrong"'] == 1
    assert found["pansoft_new_bytes"] == {"": 1020}
    assert found["pansoft_cache_hit_ratio"] == {"": pytest.approx(2 / 3, abs=1e-6)}


def test_an_empty_log_is_a_valid_exposition_too() -> None:
    found = metrics()

    assert found["pansoft_runs"] == {"": 0}
    assert found["pansoft_cache_hit_ratio"] == {}
    assert "pansoft_last_run_packages" not in found


def test_no_text_of_the_log_is_in_the_metrics() -> None:
    hostile = 'x"} 1\n# EOF\n'
    found = open_metrics.text(
        report_of(Events((event(0, Stage.BUILD, hostile, message=hostile, verb=hostile),)))
    )

    assert "x" not in "".join(value for line in parse(found).values() for value in line)


@pytest.mark.parametrize(
    "text",
    [
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# EOF\n# EOF\n",
        "# TYPE a gauge\nb 1\n# EOF\n",
        "# TYPE a gauge\na  1\n# EOF\n",
        "# TYPE a gauge\na NaN\n# EOF\n",
        '# TYPE a gauge\na{b="c"d"} 1\n# EOF\n',
        "# TYPE a gauge\na 1\na 2\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
        "# TYPE a gauge\n# HELP a x\n# UNIT a a\n# EOF\n",
    ],
)
def test_the_parser_of_these_tests_refuses_what_the_format_forbids(text: str) -> None:
    with pytest.raises(AssertionError):
        parse(text)
