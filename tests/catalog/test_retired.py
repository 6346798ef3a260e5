# SPDX-License-Identifier: BSD-3-Clause
"""What is told of retired versions: in `retired.json`, on the pages, and refused when it lies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.recipes.load import load_recipe
from catalog.render import site_of
from catalog.retired import RetiredPackage, read_retired, retired_of, write_retired
from core.errors import InvalidInput
from tests.catalog.samples import entry

ROOT = Path(__file__).parents[2]
FILE = Path("/cvmfs/x/images/retired.json")
GONE = RetiredPackage(
    "viewer", "1.0", "Viewer", "It is not kept up.", "silx", "2026-10-01T00:00:00Z"
)


def test_a_recipe_in_use_is_none() -> None:
    with pytest.raises(ValueError, match="is not retired"):
        retired_of(load_recipe(ROOT / "recipes" / "gemmi"), since=None)


def test_what_is_written_is_read_back_in_one_order() -> None:
    other = replace(GONE, version="0.9", since=None, replaced_by=None)

    content = write_retired([GONE, other])

    assert content == write_retired([other, GONE])
    assert read_retired(content, file=FILE) == (other, GONE)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "../viewer"}, "is not a package's name"),
        ({"replaced_by": "<b>"}, "is not a package's name"),
        ({"version": "1/2"}, "is not a version"),
        ({"since": "yesterday"}, "is not a time like"),
        ({"more": "x"}, "is not a known field"),
    ],
)
def test_what_lies_is_refused(change: dict[str, Any], says: str) -> None:
    data = json.loads(write_retired([GONE]))
    data["packages"][0] |= change

    with pytest.raises(InvalidInput) as refused:
        read_retired(json.dumps(data).encode(), file=FILE)

    assert any(says in problem.message for problem in refused.value.problems)


def test_a_version_in_use_stands_for_the_package() -> None:
    new = entry()
    old = replace(new, version="0.1", published="2020-01-01T00:00:00Z")
    gone = replace(GONE, name=new.name, version=new.version)

    site = site_of([new, old], fqrn=new.fqrn, retired=[gone])

    page = site[f"packages/{new.name}/index.html"].decode()
    assert '<span class="version">0.1</span>' in page
    assert "Retired on" not in page
    assert f'"name": "{new.name}"' in site["index.json"].decode()
