# SPDX-License-Identifier: BSD-3-Clause
"""The kind `import`: the image's Python imports modules, or a script shows what a library does.

The Python is the first of PATH: that of the package's virtual environment if it has one.
"""

from __future__ import annotations

import json

from builder.recipes.recipe import Recipe, Test
from builder.testing.command import evidence, fault
from builder.testing.trial import HARNESS, Trial, around, script, scripted

__all__ = ["evidence", "fault", "trial"]

_PYTHON = 'exec "$(command -v python || command -v python3 || echo python3)" "$@"'


def trial(test: Test, recipe: Recipe) -> Trial:
    """Return what imports the modules one by one, or runs the test's script."""
    if not test.modules:
        return scripted(test, recipe)
    return around(
        test,
        ("sh", "-c", _PYTHON, "python", f"{HARNESS}/imports.py"),
        files={"imports.py": script("imports.py"), "modules.json": json.dumps(test.modules)},
    )
