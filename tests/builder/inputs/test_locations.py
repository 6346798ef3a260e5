# SPDX-License-Identifier: BSD-3-Clause
"""Locations: how they are written, and where inputs lie at each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.inputs.apt import DebianPackage
from builder.inputs.locations import (
    Location,
    LocationKind,
    address_at,
    files_at,
    parse_location,
)
from builder.inputs.lock import PythonArtefact
from core.errors import UserError

HASH = "ab" + "0" * 62
DEB = DebianPackage("plotter", "1.0", "amd64", "pool/p/plotter_1.0_amd64.deb", 3, HASH)
WHEEL = PythonArtefact("gemmi", "1.0", "gemmi-1.0-py3-none-any.whl", HASH)


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("https://a.example/inputs", Location(LocationKind.ARCHIVE, "https://a.example/inputs")),
        ("debian=http://a.example/d", Location(LocationKind.DEBIAN, "http://a.example/d")),
        ("python=https://a.example/s", Location(LocationKind.PYTHON, "https://a.example/s")),
        ("https://a.example/?a=b", Location(LocationKind.ARCHIVE, "https://a.example/?a=b")),
    ],
)
def test_what_a_person_writes_becomes_a_location(text: str, location: Location) -> None:
    assert parse_location(text) == location


@pytest.mark.parametrize("form", ["{}", "folder={}", "file:{}", "file://{}"])
def test_a_folder_may_be_written_in_several_ways(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "in puts=x"
    folder.mkdir()

    assert parse_location(form.format(folder)) == Location(LocationKind.FOLDER, str(folder))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/no/such/folder", "there is no folder '/no/such/folder'"),
        ("ftp://a.example/x", "there is no folder"),
        ("debian=ftp://a.example", "is no web address, which a location of the kind 'debian' is"),
        ("archive=", "'' is no web address"),
        ("https://", "there is no folder"),
    ],
)
def test_what_is_no_location_is_refused(text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_location(text)

    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    "name", [f"ab/{HASH}", HASH, "plotter_1.0_amd64.deb", "pool/p/plotter_1.0_amd64.deb"]
)
def test_a_folder_has_an_input_by_hash_by_name_or_by_path(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()

    assert list(files_at(Location(LocationKind.FOLDER, str(tmp_path)), DEB)) == [file]


def test_an_address_is_made_of_the_hash_or_of_the_path() -> None:
    archive = Location(LocationKind.ARCHIVE, "https://a.example/inputs/")
    debian = Location(LocationKind.DEBIAN, "https://a.example/debian")

    assert address_at(archive, WHEEL) == f"https://a.example/inputs/ab/{HASH}"
    assert address_at(debian, DEB) == f"https://a.example/debian/{DEB.path}"
    assert address_at(debian, WHEEL) is None
