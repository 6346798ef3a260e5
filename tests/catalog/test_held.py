# SPDX-License-Identifier: BSD-3-Clause
"""What is told of and not distributed: in `held.json`, on the index page, and refused when it lies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.recipes.load import load_recipe
from catalog.held import held_of, read_held, write_held
from catalog.render import site_of
from core.errors import InvalidInput
from tests.catalog.samples import entry, held

ROOT = Path(__file__).parents[2]
FILE = Path("/cvmfs/x/images/held.json")
XDS = held()


def test_a_recipe_for_holders_says_all_that_is_told() -> None:
    told = held_of(load_recipe(ROOT / "recipes" / "xds"))

    assert (told.name, told.title, told.licence) == ("xds", "XDS", "LicenseRef-XDS")
    assert told.terms.startswith("https://")


def test_a_recipe_of_the_publisher_is_none() -> None:
    with pytest.raises(ValueError, match="made by its publisher"):
        held_of(load_recipe(ROOT / "recipes" / "gemmi"))


def test_what_is_written_is_read_back_in_one_order() -> None:
    other = replace(XDS, name="atsas")

    content = write_held([XDS, other])

    assert content == write_held([other, XDS])
    assert read_held(content, file=FILE) == (other, XDS)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../xds"}, "is not a package's name"),
        ({"homepage": "javascript:alert(1)"}, "is not a link"),
        ({"terms": "file:///etc/passwd"}, "is not a link"),
        ({"registration": ""}, "is not a link"),
        ({"redistribution": "sold"}, "must be one of"),
        ({"more": "x"}, "is not a known field"),
    ],
)
def test_what_lies_is_refused(change: dict[str, Any], says: str) -> None:
    data = json.loads(write_held([XDS]))
    data["packages"][0] |= change

    with pytest.raises(InvalidInput) as refused:
        read_held(json.dumps(data).encode(), file=FILE)

    [problem] = refused.value.problems
    assert says in problem.message


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"schema": 2, "packages": []}', b'{"schema": 1}']
)
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_held(content, file=FILE)


def test_the_index_says_what_is_not_distributed_and_how_to_get_it() -> None:
    site = site_of([entry()], fqrn="software.example.org", held=[XDS])

    page = site["index.html"].decode()
    assert "Not distributed here" in page
    assert 'href="https://xds.example.org/get"' in page
    assert "LicenseRef-XDS" in page
    assert [item["name"] for item in json.loads(site["index.json"])["held"]] == ["xds"]
    assert "1 package, each tested" in page
    assert "packages/xds/index.html" not in site


def test_hostile_text_is_text() -> None:
    evil = replace(XDS, title="<script>alert(1)</script>", homepage="javascript:alert(1)")

    page = site_of([entry()], fqrn="software.example.org", held=[evil])["index.html"].decode()

    assert "<script>alert(1)</script>" not in page
    assert "javascript:" not in page


def test_without_such_packages_the_page_does_not_speak_of_them() -> None:
    site = site_of([entry()], fqrn="software.example.org")

    assert "Not distributed here" not in site["index.html"].decode()
