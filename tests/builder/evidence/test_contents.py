# SPDX-License-Identifier: BSD-3-Clause
"""What an image holds follows from its base and what it adds, takes away and replaces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builder.evidence.components import Component
from builder.evidence.contents import (
    FILE_NAME,
    Contents,
    contents_from,
    read_contents,
    write_contents,
)
from builder.evidence.looking import Look
from tests.builder.evidence.test_debian import COPYRIGHT, STATUS
from trust.evidence import Sight

SITE = "opt/venv/lib/python3.11/site-packages"
NOTHING = Look(0, 0, (), "", {}, {}, {}, ())
BASE = contents_from(
    replace(
        NOTHING,
        dpkg=STATUS,
        copyrights={"libx1": COPYRIGHT},
        python={
            f"{SITE}/numpy-2.1.dist-info": "Name: numpy\nVersion: 2.1\nLicense-Expression: BSD-3-Clause",
            f"{SITE}/six-1.dist-info": "Name: six\nVersion: 1\n",
        },
        sights=(Sight("dangling-link", "/a", "b"),),
    ),
    under=None,
    sha256s={"deb:libx1:1.0-1+b1": "1" * 64, "pypi:numpy:2.1": "2" * 64},
)


def names(contents: Contents) -> list[str]:
    return [f"{item.name} {item.version}" for item in contents.components]


def of(contents: Contents, name: str) -> Component:
    return next(item for item in contents.components if item.name == name)


def test_a_base_has_its_packages_with_the_hashes_of_the_lock() -> None:
    assert names(BASE) == ["libx1 1.0-1+b1", "x-data 2:1.0~rc1", "numpy 2.1", "six 1"]
    assert of(BASE, "libx1").sha256 == "1" * 64
    assert of(BASE, "numpy").sha256 == "2" * 64
    assert of(BASE, "numpy").licence == "BSD-3-Clause"
    assert of(BASE, "six").sha256 is None


def test_an_image_that_adds_nothing_has_what_its_base_has_and_not_its_sights() -> None:
    contents = contents_from(NOTHING, under=BASE, sha256s={})

    assert contents.components == BASE.components
    assert contents.sights == ()


def test_a_package_on_top_has_the_new_ones_and_what_was_known_of_the_old() -> None:
    more = STATUS + "\nPackage: y\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"

    contents = contents_from(replace(NOTHING, dpkg=more), under=BASE, sha256s={"deb:y:1": "3" * 64})

    assert names(contents)[:3] == ["libx1 1.0-1+b1", "x-data 2:1.0~rc1", "y 1"]
    assert of(contents, "libx1") == of(BASE, "libx1")
    assert of(contents, "y").sha256 == "3" * 64


def test_a_python_package_that_is_replaced_is_listed_once() -> None:
    upgrade = replace(
        NOTHING,
        python={f"{SITE}/numpy-2.2.dist-info": "Name: numpy\nVersion: 2.2\n"},
        removed=(f"{SITE}/numpy-2.1.dist-info",),
    )

    assert names(contents_from(upgrade, under=BASE, sha256s={}))[2:] == ["numpy 2.2", "six 1"]


@pytest.mark.parametrize("removed", ["opt", "opt/venv", SITE])
def test_a_folder_that_is_taken_away_takes_its_packages_along(removed: str) -> None:
    contents = contents_from(replace(NOTHING, removed=(removed,)), under=BASE, sha256s={})

    assert names(contents) == ["libx1 1.0-1+b1", "x-data 2:1.0~rc1"]


def test_a_package_without_a_name_or_a_version_is_none() -> None:
    odd = replace(
        NOTHING,
        python={"a.egg-info": "Version: 1\n", "b.egg-info": "Name: b\n", "c.egg-info": ""},
        npm={"x": "[]", "y": "{", "z": '{"name": 1, "version": 2}', "w": '{"name": "w"}'},
    )

    assert contents_from(odd, under=None, sha256s={}).components == ()


def test_an_npm_package_is_named_with_its_licence() -> None:
    text = '{"name": "@scope/x", "version": "1.2.3", "license": "mit"}'

    (found,) = contents_from(replace(NOTHING, npm={"p": text}), under=None, sha256s={}).components

    assert (found.purl, found.licence) == ("pkg:npm/%40scope/x@1.2.3", "MIT")


def test_contents_are_kept_and_read_again(tmp_path: Path) -> None:
    assert read_contents(tmp_path) is None

    write_contents(BASE, tmp_path)

    assert read_contents(tmp_path) == BASE


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 0, "contents": {}}', '{"schema": 1}'])
def test_contents_of_another_form_are_looked_at_again(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)

    assert read_contents(tmp_path) is None
