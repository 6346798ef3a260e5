# SPDX-License-Identifier: BSD-3-Clause
"""A project apart from the checkout, with its bases and its policy, in which a recipe is made and tried."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from builder.recipes.folders import BASES, RECIPES
from pansoft.context import Context


@contextlib.contextmanager
def apart(context: Context) -> Iterator[Context]:
    """Give a project without recipes for the time of the block: the checkout stays as it is."""
    with tempfile.TemporaryDirectory(prefix="pansoft-apart-") as folder:
        project = Path(folder)
        (project / RECIPES).mkdir()
        (project / RECIPES / BASES).symlink_to((context.recipes / BASES).resolve())
        (project / context.policy.name).symlink_to(context.policy.resolve())
        yield replace(context, project=project)
