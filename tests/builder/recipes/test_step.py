# SPDX-License-Identifier: BSD-3-Clause
"""A step to another version changes what it has to in the text of a recipe, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.step import Step, stepped
from core.errors import UserError

FILE = Path("recipes/plotter/recipe.yaml")
OLD = """\
# a comment about 1.2.0
schema: 1
name: plotter
version: 1.2.0   # as upstream has it
title: Plotter 1.2.0
license:
  spdx: MIT
  evidence: /opt/venv/lib/python3.11/site-packages/plot_ter-1.2.0.dist-info/LICENSE
build:
  pip:
    - numpy==1.2.0
    - "Plot.Ter[gui]==1.2.0"  # with its window
  sources: [{pypi-sdist: plot-ter==1.2.0, sha256: OLDSUM}]
  # what comes next
  script: |
    tar -xf plot-ter-1.2.0.tar.gz; cd plot_ter-1.2.0
    echo 1.2.0 -11.2.0 -1.2.0.1
commands:
  - plot-1.2.0
tests:
  - name: says its version
    expect: Version v1.2.0
""".replace("OLDSUM", "a" * 64)
NEW = """\
# a comment about 1.2.0
schema: 1
name: plotter
version: 1.10   # as upstream has it
title: Plotter 1.2.0
license:
  spdx: MIT
  evidence: /opt/venv/lib/python3.11/site-packages/plot_ter-1.10.dist-info/LICENSE
build:
  pip:
    - numpy==1.2.0
    - "Plot.Ter[gui]==1.10"  # with its window
  sources: [{pypi-sdist: plot-ter==1.10, sha256: NEWSUM}]
  # what comes next
  script: |
    tar -xf plot-ter-1.10.tar.gz; cd plot_ter-1.10
    echo 1.2.0 -11.2.0 -1.2.0.1
commands:
  - plot-1.2.0
tests:
  - name: says its version
    expect: Version v1.2.0
""".replace("NEWSUM", "b" * 64)


def test_only_what_belongs_to_the_version_changes() -> None:
    step = Step("1.2.0", "1.10", ("plot-ter",), "1.2.0", "1.10", "b" * 64)

    made = stepped(OLD, step, file=FILE)

    assert made.text == NEW
    assert made.left == (1, 5, 11, 17, 19, 22)


def test_a_second_build_of_the_same_program_changes_the_version_alone() -> None:
    made = stepped(OLD, Step("1.2.0", "1.2.0+1"), file=FILE)

    assert made.text == OLD.replace("version: 1.2.0 ", "version: 1.2.0+1 ")
    assert made.left == ()


@pytest.mark.parametrize(
    ("was", "new", "line"),
    [
        ("1.2.0", "3", 'version: "3"'),
        ('"20250714"', "20260101", 'version: "20260101"'),
        ("'1.2.0'", "1.3.0", "version: '1.3.0'"),
    ],
    ids=["a whole number", "one that is quoted", "in quotes"],
)
def test_a_version_stays_text(was: str, new: str, line: str) -> None:
    text = f"schema: 1\nversion: {was}\n"

    made = stepped(text, Step(was.strip("'\""), new), file=FILE)

    assert made.text == f"schema: 1\n{line}\n"


def test_what_is_written_otherwise_is_left_to_a_person() -> None:
    text = "version: 1.2.0\nbuild:\n  pip:\n    - plot-ter == 1.2.0\n"

    with pytest.raises(
        UserError, match=r"recipe\.yaml:4: '==1\.2\.0' is not to be found"
    ) as caught:
        stepped(text, Step("1.2.0", "1.3", ("plot-ter",), "1.2.0", "1.3"), file=FILE)

    assert caught.value.hint == "make this step by hand"
