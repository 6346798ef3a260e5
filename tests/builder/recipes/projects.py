# SPDX-License-Identifier: BSD-3-Clause
"""Small projects in a temporary folder, made of texts: one good recipe, changed as a test needs it."""

from __future__ import annotations

from pathlib import Path

BASE = """\
schema: 1
name: debian-12
title: Debian 12
summary: A minimal Debian 12.
suite: bookworm
apt: [ca-certificates]
maintainers:
  - name: Somebody
"""

RECIPE = """\
schema: 1
name: plotter
version: 5.4.4
title: Plotter
summary: Plots things.
description: |
  It plots things.
homepage: https://plotter.example.org
license:
  spdx: MIT
  redistribution: allowed
maintainers:
  - name: Somebody
    email: somebody@example.org
base: debian-12
build:
  apt:
    - gnuplot-nox
commands:
  - plot
tests:
  - name: plots
    kind: command
    run: plot
"""


def make_project(root: Path, *, recipe: str | bytes = RECIPE, name: str = "plotter") -> Path:
    """Write a project with one base and one recipe and return it."""
    base = root / "recipes" / "bases" / "debian-12"
    base.mkdir(parents=True, exist_ok=True)
    (base / "base.yaml").write_text(BASE, encoding="utf-8")
    folder = root / "recipes" / name
    folder.mkdir(parents=True, exist_ok=True)
    content = recipe.encode() if isinstance(recipe, str) else recipe
    (folder / "recipe.yaml").write_bytes(content)
    return root


def changed(old: str, new: str) -> str:
    """Return the good recipe with `new` in the place of `old`, which it must have once."""
    assert RECIPE.count(old) == 1, old
    return RECIPE.replace(old, new)


def extended(text: str) -> str:
    """Return the good recipe with more lines at its end."""
    return RECIPE + text
