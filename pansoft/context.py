# SPDX-License-Identifier: BSD-3-Clause
"""What every command is given: which project, where its run state is, and whom to talk to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.console import Console
from core.errors import UserError
from core.event_log import NOWHERE, EventLog

PROJECT_MARK = Path("trust-policy") / "policy.yaml"


@dataclass(frozen=True, slots=True)
class Context:
    """The project (recipes, policy), the folder of run state, and the console.

    `local` is for what run state cannot share with other machines; `events` records what is done.
    """

    project: Path
    state: Path
    console: Console
    local: Path | None = None
    events: EventLog = NOWHERE

    @property
    def recipes(self) -> Path:
        """Return the folder of all recipes."""
        return self.project / "recipes"

    @property
    def policy(self) -> Path:
        """Return the folder of the trust policy."""
        return self.project / "trust-policy"


def find_project(start: Path, *, fallback: Path) -> Path:
    """Return the nearest folder at or above `start` that holds a project, else `fallback`.

    Raises:
        UserError: neither is one.
    """
    for folder in (start, *start.parents, fallback):
        if (folder / PROJECT_MARK).is_file():
            return folder
    raise UserError(
        f"no project at or above {start}: there is no {PROJECT_MARK}",
        hint="change into a checkout of the recipes, or name one with --project DIR",
    )
