# SPDX-License-Identifier: BSD-3-Clause
"""What sources say is laid side by side, and what the policy lets pass is left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from builder.inputs.places import Mirrors
from builder.state import State
from core.console import Console
from pansoft.advisories import scan as scanning
from pansoft.advisories.holdings import Holder, Holdings
from pansoft.advisories.scan import scan
from pansoft.advisories.sources import Answer, Asking, Match, records
from tests.real_projects import ROOT
from trust.evidence import Component
from trust.policy import TrustPolicy, load_policy
from trust.policy.safety import Ignored, Vulnerabilities
from trust.vulnerabilities.advisories import Level

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIB = Component(
    "pkg:deb/debian/libssl3@1.0-1?distro=debian-12", "libssl3", "1.0-1", source="openssl 1.0-1"
)
TOOL = replace(LIB, purl=LIB.purl.replace("libssl3", "openssl"), name="openssl")
NUMPY = Component("pkg:pypi/numpy@1.26.0", "numpy", "1.26.0")
PYFAI = Holder("pyfai", "2025.1", "debian-12", is_published=True)
GEMMI = Holder("gemmi", "0.7.3", "debian-12", is_published=True)
HELD = Holdings({LIB: (PYFAI, GEMMI), TOOL: (PYFAI,), NUMPY: (PYFAI,)})


def policy(*ignored: Ignored) -> TrustPolicy:
    read = load_policy(ROOT / "trust-policy")
    vulnerabilities = Vulnerabilities(Level.HIGH, ignored, ())
    return replace(read, safety=replace(read.safety, vulnerabilities=vulnerabilities))


def asking(*ignored: Ignored, osv: Sequence[Path] = ()) -> Asking:
    nowhere = State(Path("/nonexistent"))
    return Asking(nowhere, policy(*ignored), tuple(osv), Mirrors(), AT, Console(quiet=True))


def saying(monkeypatch: pytest.MonkeyPatch, *matches: Match) -> None:
    """Let the one source that is asked say this; what real ones say is tested with them."""
    monkeypatch.setattr(scanning, "SOURCES", (lambda *_: Answer("debian", 3, matches),))


def match(component: Component, *names: str, level: Level | None = None) -> Match:
    return Match(component, names, "", level, "1.0-2")


def test_packages_of_one_source_are_one_thing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, match(LIB, "CVE-2"), match(TOOL, "CVE-2"), match(TOOL, "CVE-1"))

    [row] = scan(HELD, asking()).rows

    assert (row.name, row.version, row.fixed_in) == ("openssl", "1.0-1", "1.0-2")
    assert row.components == (LIB, TOOL)
    assert [each.id for each in row.known] == ["CVE-1", "CVE-2"]
    assert row.holders == (GEMMI, PYFAI)


def test_one_vulnerability_under_two_names_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    both = match(NUMPY, "GHSA-x", "CVE-9", level=Level.HIGH)
    saying(monkeypatch, match(NUMPY, "GHSA-x"), both, match(NUMPY, "CVE-9"))

    [row] = scan(HELD, asking()).rows

    assert [(each.id, each.level) for each in row.known] == [("CVE-9", Level.HIGH)]


def test_what_is_ignored_in_one_package_is_not_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored = Ignored("CVE-1", ("py*",), "not called", date(2026, 6, 1), by="A. Person")
    saying(monkeypatch, match(LIB, "DSA-1", "CVE-1"))

    found = scan(HELD, asking(ignored))

    assert [row.holders for row in found.rows] == [(GEMMI,)]
    assert [(each.id, each.by, each.holders) for each in found.passed] == [
        ("CVE-1", ignored, (PYFAI,))
    ]


def test_a_day_that_is_over_ignores_nothing_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Ignored("CVE-1", ("*",), "not called", date(2026, 5, 31))
    saying(monkeypatch, match(LIB, "CVE-1"))

    [row] = scan(HELD, asking(over)).rows

    assert [each.ended for each in row.known] == [over]


def test_what_nobody_calls_bad_counts_as_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, match(NUMPY, "CVE-1", level=Level.MEDIUM), match(LIB, "CVE-2"))

    assert [row.name for row in scan(HELD, asking()).rows] == ["openssl", "numpy"]
    high = scan(HELD, asking(), least=Level.HIGH)
    assert ([row.name for row in high.rows], high.lesser) == (["openssl"], 1)


RECORD: dict[str, Any] = {
    "schema_version": "1.7.3",
    "id": "PYSEC-2026-1",
    "aliases": ["CVE-2026-1"],
    "modified": "2026-05-01T00:00:00Z",
    "summary": "bad",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "NumPy"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.27"}]}],
        }
    ],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H"}],
}


def osv(folder: Path, *records_: dict[str, Any]) -> Path:
    """Write records into the folder of an ecosystem, as they are handed out."""
    (folder / "PyPI").mkdir()
    for record in records_:
        (folder / "PyPI" / f"{record['id']}.json").write_text(json.dumps(record))
    return folder


def test_records_of_a_mirrored_folder_are_matched(tmp_path: Path) -> None:
    gone = {**RECORD, "id": "PYSEC-2026-2", "withdrawn": "2026-05-02T00:00:00Z"}
    other = {**RECORD, "id": "PYSEC-2026-3"}
    other["affected"] = [{"package": {"ecosystem": "PyPI", "name": "nump"}, "versions": ["1.26.0"]}]

    answer = records.ask(tuple(HELD.held), asking(osv=[osv(tmp_path, RECORD, gone, other)]))

    assert answer == Answer(
        "records",
        3,
        (Match(NUMPY, ("PYSEC-2026-1", "CVE-2026-1"), "bad", Level.MEDIUM, "1.27"),),
    )


def test_a_broken_record_is_told_of_and_holds_no_other_back(tmp_path: Path) -> None:
    folder = osv(tmp_path, RECORD, {**RECORD, "id": "B", "affected": [{"package": 1}]})
    (folder / "PyPI" / "A.json").write_text('{"id": ')

    answer = records.ask(tuple(HELD.held), asking(osv=[folder]))

    assert [each.names[0] for each in answer.matches] == ["PYSEC-2026-1"]
    assert answer.is_fault
    assert answer.not_asked == (
        "records that cannot be read count for nothing: advisory-unreadable: A.json is not readable "
        "JSON; advisory-form: B.json: affected.package must be a mapping"
    )


def test_without_records_nobody_was_asked() -> None:
    assert records.ask(tuple(HELD.held), asking()) == Answer(
        "records", 0, not_asked="there are no records"
    )
