# SPDX-License-Identifier: BSD-3-Clause
"""Logs for tests: decisions made up, a chain of them, and the files of a published log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.trust.cases import NOON
from trust.decisions.decision import Decision, Kind
from trust.decisions.log import Log, grown
from trust.keys import FolderKey

REPOSITORY = "software.example.org"


def decision(number: int, **changed: object) -> Decision:
    """Return the `number`th made-up decision, one a minute."""
    plain: dict[str, object] = {
        "kind": Kind.PUBLISH,
        "subject": f"pyfai 1.{number}",
        "accepted": True,
        "at": NOON + timedelta(minutes=number),
        "who": "pgp:" + "A" * 40,
    }
    return Decision(**{**plain, **changed})  # type: ignore[arg-type]  # the fields' types vary


@dataclass
class Files:
    """The files of a repository that has a log; `read` is what `read_log` wants."""

    content: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes | None:
        """Return a file's content, or None."""
        return self.content.get(path)

    def grow(
        self, log: Log | None, decisions: Iterable[Decision], key: FolderKey, at: datetime = NOON
    ) -> bool:
        """Publish decisions behind a log; return whether there was something to publish."""
        growth = grown(log, decisions, repository=REPOSITORY, key=key, at=at)
        if growth is None:
            return False
        self.content.update(growth.files)
        return True

    def copy(self) -> Files:
        """Return the same files, to spoil."""
        return Files(dict(self.content))
