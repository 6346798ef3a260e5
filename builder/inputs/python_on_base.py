# SPDX-License-Identifier: BSD-3-Clause
"""Python requirements on a base that has wheels already: what gets along with those is not had twice.

The virtual environment is the base's with the package's in it, and pip resolves it as a whole: every
wheel of the base stays as it is, unless a requirement contradicts it. Then that one, and what pip
names with it, is free to change, and the package carries its own copy over the base's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from builder.inputs.lock import PythonArtefact
from builder.inputs.pip_resolver import Contradiction, resolve_wheels


def resolve(
    requirements: Sequence[str],
    there: Sequence[PythonArtefact],
    *,
    beside: Path | None = None,
) -> tuple[PythonArtefact, ...]:
    """Return the wheels that `requirements` add to those that are `there`, sorted by name.

    Args:
        requirements: what is asked for.
        there: the wheels of the base.
        beside: a folder of wheels that are there beside those of the index.

    Raises:
        NoWheel: a requirement has no wheel.
        UserError: pip finds no set of wheels, whatever is let go of the base's.
    """
    if not requirements:
        return ()
    kept = {item.name: item.version for item in there}
    freed: list[str] = []
    while True:
        try:
            found = resolve_wheels((*requirements, *freed), kept, beside=beside)
        except Contradiction as err:
            culprits = kept.keys() & err.names
            if not culprits:
                raise
            for name in culprits:
                del kept[name]
            freed += sorted(culprits)  # asked for without a version: the base's others may need it
        else:
            same = {(item.name, item.version) for item in there}
            return tuple(item for item in found if (item.name, item.version) not in same)


def replaced(
    there: Sequence[PythonArtefact], added: Sequence[PythonArtefact]
) -> list[tuple[PythonArtefact, PythonArtefact]]:
    """Return which wheels of a base are replaced, each with what takes its place."""
    new = {item.name: item for item in added}
    return [(item, new[item.name]) for item in there if item.name in new]
