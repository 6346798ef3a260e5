# SPDX-License-Identifier: BSD-3-Clause
"""The bills of materials are valid by the rules of their formats, complete, and always the same."""

from __future__ import annotations

import json
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from builder.evidence.components import Component, Ecosystem
from builder.evidence.sbom import CYCLONEDX_FILE, SPDX_FILE, Bill, write_bills

BILL = Bill(
    name="tiny",
    version="1.0",
    licence="MIT AND LicenseRef-XDS",
    base="debian-12",
    plan="ab" * 32,
    identity="cd" * 16,
    epoch=1_700_000_000,
    components=(
        Component(
            Ecosystem.DEBIAN,
            "libstdc++6",
            "12.2.0-14",
            "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64",
            licence="GPL-3.0-or-later AND LicenseRef-Debian-odd",
            source="gcc-12 12.2.0-14",
            supplier='Debian GCC "Team" <gcc@example.org>',
            sha256="1" * 64,
        ),
        Component(Ecosystem.DEBIAN, "free", "1", "pkg:deb/debian/free@1", supplier="No (address"),
        Component(
            Ecosystem.PYTHON, "PySide6", "6.1", "pkg:pypi/pyside6@6.1", path="opt/a.dist-info"
        ),
        Component(
            Ecosystem.PYTHON, "PySide6", "6.1", "pkg:pypi/pyside6@6.1", path="opt/b.dist-info"
        ),
        Component(Ecosystem.ARCHIVE, "x.tgz", "0", "pkg:generic/x.tgz", sha256="2" * 64),
    ),
)


def test_both_forms_are_valid(tmp_path: Path) -> None:
    write_bills(BILL, tmp_path)

    assert validate_full_spdx_document(parse_file(str(tmp_path / SPDX_FILE))) == []
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str((tmp_path / CYCLONEDX_FILE).read_text()) is None


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write_bills(BILL, tmp_path / "one") == write_bills(BILL, tmp_path / "two")


def test_both_forms_name_the_same_packages_with_licence_and_hash(tmp_path: Path) -> None:
    write_bills(BILL, tmp_path)
    spdx = json.loads((tmp_path / SPDX_FILE).read_text())
    cyclonedx = json.loads((tmp_path / CYCLONEDX_FILE).read_text())

    in_spdx = {
        (
            package["externalRefs"][0]["referenceLocator"],
            package.get("licenseDeclared", "NOASSERTION"),
            package.get("checksums", [{}])[0].get("checksumValue"),
        )
        for package in spdx["packages"]
        if package["name"] != "tiny"
    }
    in_cyclonedx = {
        (
            part["purl"],
            part.get("licenses", [{}])[0].get("expression", "NOASSERTION"),
            part.get("hashes", [{}])[0].get("content"),
        )
        for part in cyclonedx["components"]
    }

    assert in_spdx == in_cyclonedx
    assert len(spdx["packages"]) == 1 + len(cyclonedx["components"]) == 6


def test_a_licence_that_spdx_does_not_list_says_where_it_can_be_read(tmp_path: Path) -> None:
    write_bills(BILL, tmp_path)
    spdx = json.loads((tmp_path / SPDX_FILE).read_text())

    assert {
        each["licenseId"]: each["extractedText"] for each in spdx["hasExtractedLicensingInfos"]
    } == {
        "LicenseRef-Debian-odd": "The text is in the image: /usr/share/doc/libstdc++6/copyright",
        "LicenseRef-XDS": "The recipe of the package says where this licence can be read.",
    }


def test_the_facts_count_what_no_machine_can_tell(tmp_path: Path) -> None:
    facts = write_bills(BILL, tmp_path)

    assert (facts.components, facts.unlicensed) == (5, 4)
