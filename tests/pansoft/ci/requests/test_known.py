# SPDX-License-Identifier: BSD-3-Clause
"""Which of the recipes of this repository somebody asks for."""

from __future__ import annotations

import pytest

from builder.recipes import load
from pansoft.ci.requests.form import Form, Origin
from pansoft.ci.requests.known import standing
from tests.real_projects import ROOT

RECIPES = [
    load.load_recipe(ROOT / "recipes" / name)
    for name in ("bioxtas-raw", "dxchange", "gemmi", "genx", "ocelot", "pyfai")
]


def form(origin: Origin, project: str) -> Form:
    return Form(origin, project, None, None, None, "It computes.", None, None)


@pytest.mark.parametrize(
    ("origin", "project", "name"),
    [
        pytest.param(Origin.PYPI, "gemmi", "gemmi", id="its own name"),
        pytest.param(Origin.PYPI, "dxchange", "dxchange", id="made of Debian's package"),
        pytest.param(Origin.DEBIAN, "python3-dxchange", "dxchange", id="Debian's name"),
        pytest.param(Origin.DEBIAN, "python3-bioxtasraw", "bioxtas-raw", id="another name"),
        pytest.param(Origin.PYPI, "ocelot-collab", "ocelot", id="a project's other name"),
        pytest.param(Origin.PYPI, "genx3", "genx", id="an sdist"),
        pytest.param(Origin.PYPI, "python3-dxchange", None, id="a project, not Debian's"),
        pytest.param(Origin.PYPI, "numpy", None, id="what others need"),
        pytest.param(Origin.PYPI, "gem", None, id="part of a name"),
        pytest.param(Origin.PYPI, "drawer", None, id="not there"),
    ],
)
def test_what_is_there_is_found(origin: Origin, project: str, name: str | None) -> None:
    found = standing(form(origin, project), RECIPES)

    assert (found.name if found else None) == name
