# SPDX-License-Identifier: BSD-3-Clause
"""Decisions that were made on this machine and are not published yet: a file each, named by its content.

The same decision has the same name, so noting it twice is noting it once, and no lock is needed. A file goes
when a published log holds it: a crash in between leaves a file that the next publication finds logged.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from core.canonical import readable_json
from core.errors import UserError
from core.files import write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.decisions.decision import Decision


def note(folder: Path, decision: Decision) -> None:
    """Keep a decision until it is published; the first time that it is made counts."""
    file = _file(folder, decision.identity)
    if not file.exists():
        write_atomic(file, readable_json(to_json(decision)))


def waiting(folder: Path) -> tuple[Decision, ...]:
    """Return the decisions that are not published yet, the oldest first.

    Raises:
        UserError: one of the files is no decision.
    """
    found = [_read(file) for file in sorted(folder.glob("*.json"))]
    return tuple(sorted(found, key=lambda each: (each.at, each.kind, each.subject)))


def forget(folder: Path, identities: Collection[str]) -> None:
    """Remove decisions that a published log holds."""
    for file in folder.glob("*.json"):
        if file.stem in identities:
            file.unlink(missing_ok=True)


def _file(folder: Path, identity: str) -> Path:
    return folder / f"{identity}.json"


def _read(file: Path) -> Decision:
    try:
        decision = from_json(Decision, json.loads(file.read_bytes()))
    except Undecodable as err:
        raise UserError(f"{file} cannot be read: {err}", hint="update pansoft") from err
    except (OSError, ValueError, RecursionError) as err:
        raise UserError(f"{file} is no decision") from err
    if file.stem != decision.identity:
        raise UserError(
            f"{file} was altered: it is not the decision that was noted",
            hint="find out by whom; without the file the decision is not in the log",
        )
    return decision
