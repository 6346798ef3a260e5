# SPDX-License-Identifier: BSD-3-Clause
"""How reports name files and problems, and the one sentence of a problem."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.problems import Problem


def shown_path(file: Path, root: Path) -> str:
    """Return how a report names a file: relative to `root` if it lies below it."""
    absolute = file if file.is_absolute() else Path.cwd() / file
    if absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return file.as_posix()


def fingerprints(problems: Sequence[Problem], root: Path) -> Iterator[str]:
    """Yield what each problem is recognised by the next time.

    It does not depend on the line, so that a problem stays the same one when lines above it change.
    """
    seen: Counter[tuple[str, ...]] = Counter()
    for problem in problems:
        path = shown_path(problem.where.file, root)
        same = (path, problem.rule, problem.field, problem.message)
        seen[same] += 1
        identity = "\0".join((*same, str(seen[same])))
        yield hashlib.sha256(identity.encode()).hexdigest()


def sentence(problem: Problem) -> str:
    """Return what is wrong and how to mend it."""
    return f"{problem.message} ({problem.hint})" if problem.hint else problem.message
