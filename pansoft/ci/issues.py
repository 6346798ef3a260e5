# SPDX-License-Identifier: BSD-3-Clause
"""Issues that stand as long as something is wrong: there is one under a marker, then it is closed."""

from __future__ import annotations

import re

from builder.recipes.recipe import Recipe
from pansoft.ci.gitlab import Gitlab, Posted
from pansoft.ci.markdown import code

_HANDLE = re.compile(r"@[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)*")
_EVERYBODY = "@all"


def close(gitlab: Gitlab, *, marker: str, said: str, note_marker: str) -> Posted | None:
    """Close the issue with a marker, with a note that says why; None where there is none.

    Raises:
        GitlabFailed: it cannot be closed.
    """
    note = f"{note_marker}\n\n{said}\n"
    return gitlab.close_issue(marker=marker, note=note, note_marker=note_marker)


def answering(recipe: Recipe) -> str:
    """Return who answers for a recipe: its owner, mentioned where GitLab knows such a name, or its people."""
    owner = recipe.release.owner
    if owner is not None and _HANDLE.fullmatch(owner) and owner.casefold() != _EVERYBODY:
        return owner
    people = ([owner] if owner else []) + [person.name for person in recipe.maintainers]
    return ", ".join(code(name) for name in people)
