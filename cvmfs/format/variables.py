# SPDX-License-Identifier: BSD-3-Clause
"""Symlinks with variables: `$(NAME)` in a target is what the environment of the mount process says.

So one repository leads the machines of different sites to different places. `$(NAME:-default)` has a value
for where NAME is not set; without a default that is nothing. A `$(` that nobody closes stays as it is
(catalog_sql.cc, `SqlDirent::ExpandSymlink`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\(([^)]*)\)")
_BEFORE_DEFAULT = ":-"


def expand(target: str, environment: Mapping[str, str]) -> str:
    """Return a symlink's target with its variables replaced."""

    def value(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(_BEFORE_DEFAULT)
        return environment.get(name, default)

    return _VARIABLE.sub(value, target) if "$" in target else target
