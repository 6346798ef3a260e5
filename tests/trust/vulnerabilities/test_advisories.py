# SPDX-License-Identifier: BSD-3-Clause
"""Advisories in the OSV format are read as the format says, and a wrong one is a problem of the policy."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.problems import Problem
from trust.evidence import Component
from trust.vulnerabilities.advisories import (
    Advisory,
    Level,
    affecting,
    fixed_in,
    read_folder,
)
from trust.vulnerabilities.cvss import base_score

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
RANGE = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}
AFFECTED = {"package": {"ecosystem": "PyPI", "name": "Foo_Bar"}, "ranges": [RANGE]}
RECORD: dict[str, Any] = {
    "schema_version": "1.6.0",
    "id": "CVE-2026-1",
    "aliases": ["GHSA-x"],
    "modified": "2026-05-01T00:00:00Z",
    "summary": "bad",
    "affected": [AFFECTED],
}


def read(folder: Path, *records: dict[str, Any]) -> tuple[tuple[Advisory, ...], list[Problem]]:
    problems: list[Problem] = []
    for number, record in enumerate(records):
        (folder / f"{number}.json").write_text(json.dumps(record))
    return read_folder(folder, problems), problems


def hits(folder: Path, affected: dict[str, Any], component: Component) -> bool:
    found, problems = read(folder, {**RECORD, "affected": [affected]})
    assert problems == []
    return bool(list(affecting(found, [component], NOON)))


def foo(version: str) -> Component:
    return Component(f"pkg:pypi/foo-bar@{version}", "foo.bar", version)


def events(*pairs: tuple[str, str]) -> dict[str, Any]:
    told = [{kind: version} for kind, version in pairs]
    return {**AFFECTED, "ranges": [{"type": "ECOSYSTEM", "events": told}]}


AGAIN = events(("introduced", "2.0"), ("fixed", "2.5"), ("introduced", "0"), ("fixed", "1.5"))
LAST = events(("introduced", "1.0"), ("last_affected", "1.9"))


@pytest.mark.parametrize(
    ("affected", "version", "hit"),
    [
        (AFFECTED, "1.9", True),
        (AFFECTED, "2.0", False),
        (AFFECTED, "2.0rc1", True),
        (LAST, "0.9", False),
        (LAST, "1.0", True),
        (LAST, "1.9.0", True),
        (LAST, "1.9.1", False),
        (AGAIN, "1.0", True),
        (AGAIN, "1.7", False),
        (AGAIN, "2.0", True),
        (AGAIN, "2.5", False),
        ({"package": AFFECTED["package"], "versions": ["1.0", "3.0"]}, "3.0.0", True),
        ({"package": AFFECTED["package"], "versions": ["1.0", "3.0"]}, "2.0", False),
    ],
)
def test_a_version_is_inside_or_outside(
    tmp_path: Path, affected: dict[str, Any], version: str, hit: bool
) -> None:
    assert hits(tmp_path, affected, foo(version)) is hit


@pytest.mark.parametrize(
    ("affected", "version", "fixed"),
    [
        (AFFECTED, "1.9", "2.0"),
        (AGAIN, "1.0", "1.5"),
        (AGAIN, "2.1", "2.5"),
        (LAST, "1.5", None),
        ({"package": AFFECTED["package"], "versions": ["1.0"]}, "1.0", None),
    ],
)
def test_the_next_mended_version_is_named(
    tmp_path: Path, affected: dict[str, Any], version: str, fixed: str | None
) -> None:
    [record], _ = read(tmp_path, {**RECORD, "affected": [affected]})

    assert fixed_in(record, foo(version)) == fixed


@pytest.mark.parametrize(
    ("version", "fixed"),
    [("1:1.0~rc1-1", "1:1.0-1+deb12u1"), ("9.0-1", "1:1.0-1+deb12u1"), ("2:0.1-1", None)],
)
def test_the_mended_version_of_debian_is_in_debians_order(
    tmp_path: Path, version: str, fixed: str | None
) -> None:
    affected = {
        "package": {"ecosystem": "Debian:12", "name": "foo"},
        "ranges": events(("introduced", "0"), ("fixed", "1:1.0-1+deb12u1"))["ranges"],
    }
    [record], _ = read(tmp_path, {**RECORD, "affected": [affected]})
    held = Component("pkg:deb/debian/libfoo@1?distro=debian-12", "libfoo", version, (), "foo")

    assert fixed_in(record, held) == fixed
    assert bool(list(affecting([record], [held], NOON))) is (fixed is not None)


def of_debian(release: str, *pairs: tuple[str, str], urgency: str = "low") -> dict[str, Any]:
    return {
        "package": {"ecosystem": f"Debian:{release}", "name": "foo"},
        "ranges": events(*pairs)["ranges"],
        "ecosystem_specific": {"urgency": urgency},
    }


def test_a_record_of_debian_names_the_cve_and_how_urgent_it_is(tmp_path: Path) -> None:
    twelve = of_debian("12", ("introduced", "0"), urgency="unimportant")
    thirteen = of_debian("13", ("introduced", "0"), ("fixed", "2.0-1"), urgency="not yet assigned")
    about = {**RECORD, "id": "DEBIAN-CVE-2026-7", "aliases": [], "affected": [twelve, thirteen]}
    dsa = {**about, "id": "DSA-7-1", "upstream": ["CVE-2026-7", "CVE-2026-8"]}
    both = ["CVE-2026-7", "DEBIAN-CVE-2026-7"]
    held = Component("pkg:deb/debian/libfoo@1.0-1?distro=debian-12", "libfoo", "1.0-1", (), "foo")

    (one, several), _ = read(tmp_path, {**about, "upstream": both}, dsa)

    assert (one.names, one.level) == (("DEBIAN-CVE-2026-7", "CVE-2026-7"), Level.LOW)
    assert several.names == ("DSA-7-1",)
    assert fixed_in(one, held) is None  # what another release has mended is not mended here
    assert [each.id for each, _ in affecting([one, several], [held], NOON)] == [
        "DEBIAN-CVE-2026-7",
        "DSA-7-1",
    ]


@pytest.mark.parametrize(("distro", "hit"), [("12", True), ("13", False)])
def test_a_record_of_one_debian_release_is_of_that_one(
    tmp_path: Path, distro: str, hit: bool
) -> None:
    affected = {**AFFECTED, "package": {"ecosystem": "Debian:12", "name": "foo"}}
    purl = f"pkg:deb/debian/libfoo@1.0-1?arch=amd64&distro=debian-{distro}"

    assert hits(tmp_path, affected, Component(purl, "libfoo", "1.0-1", (), "foo 1.0-1")) is hit


@pytest.mark.parametrize(
    ("more", "level"),
    [
        ({}, Level.CRITICAL),
        ({"database_specific": {"severity": "MODERATE"}}, Level.MEDIUM),
        ({"database_specific": {"severity": "who knows"}}, Level.CRITICAL),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L"}]},
         Level.MEDIUM),
        ({"severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N"}]}, Level.CRITICAL),
    ],
)  # fmt: skip
def test_how_bad_it_is_is_the_worst_that_is_said(
    tmp_path: Path, more: dict[str, Any], level: Level
) -> None:
    (found,), _ = read(tmp_path, {**RECORD, **more})

    assert found.level is level
    assert found.names == ("CVE-2026-1", "GHSA-x")


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0),
        ("CVSS:3.0/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N", 2.2),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:4.0/AV:N/AC:L", None),
        ("CVSS:3.1/AV:N", None),
        ("9.8", None),
    ],
)
def test_a_vector_has_the_score_of_the_specification(vector: str, score: float | None) -> None:
    assert base_score(vector) == score


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"schema_version": "2.0.0"}, "advisory-form"),
        ({"id": ""}, "advisory-form"),
        ({"modified": "yesterday"}, "advisory-form"),
        ({"withdrawn": "2026-01-01T00:00:00"}, "advisory-form"),
        ({"affected": {}}, "advisory-form"),
        ({"affected": [{"package": "foo"}]}, "advisory-form"),
        ({"affected": [{**AFFECTED, "ranges": [{"type": "ODD", "events": []}]}]}, "advisory-form"),
        ({"affected": [events(("fixed", "1.0"))]}, "advisory-form"),
        ({"affected": [{**AFFECTED, "ranges": []}]}, "advisory-silent"),
        ({"affected": [{**AFFECTED, "ranges": [{"type": "GIT"}]}]}, "advisory-silent"),
    ],
)
def test_a_wrong_record_is_a_problem(tmp_path: Path, more: dict[str, Any], rule: str) -> None:
    found, problems = read(tmp_path, {**RECORD, **more})

    assert found == ()
    assert [each.rule for each in problems] == [rule]


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "\0"])
def test_what_is_no_json_is_a_problem(tmp_path: Path, text: str) -> None:
    problems: list[Problem] = []
    (tmp_path / "x.json").write_text(text)

    assert read_folder(tmp_path, problems) == ()
    assert [each.rule for each in problems] == ["advisory-unreadable"]


def test_an_ecosystem_that_no_image_has_is_of_no_interest(tmp_path: Path) -> None:
    other = {**AFFECTED, "package": {"ecosystem": "Maven", "name": "org:foo"}}

    (found,), problems = read(tmp_path, {**RECORD, "affected": [other]})

    assert (found.affected, problems) == ((), [])
