# SPDX-License-Identifier: BSD-3-Clause
"""The last head of each log that this machine has seen: a log that shrank or forked since is refused.

A signature cannot show that: an old head is as well signed as the newest, and so are two heads of
one number. Whoever has seen one of them can tell.
"""

from __future__ import annotations

import json
from pathlib import Path

from core.canonical import readable_json
from core.errors import UserError
from core.files import sha256_file, write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.decisions.chain import BrokenLog
from trust.decisions.head import Head
from trust.decisions.log import Log


def name_of(repository: str, public_key: Path | None) -> str:
    """Return what a repository's log is remembered as: with another key it is another repository.

    Args:
        repository: its name.
        public_key: the file of its public key; None where a mount has looked at that.
    """
    return f"{repository}-{sha256_file(public_key)[:16]}" if public_key else repository


def remembered(folder: Path, name: str) -> Head | None:
    """Return the head that was seen last, or None for a log that was never seen.

    Raises:
        UserError: the file is no head.
    """
    file = folder / f"{name}.json"
    try:
        return from_json(Head, json.loads(file.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, Undecodable, RecursionError) as err:
        raise UserError(
            f"{file} is not the head of a log",
            hint="it says what this machine saw of the log; without it, it begins anew",
        ) from err


def check_continues(seen: Head | None, log: Log | None) -> None:
    """Refuse a log that does not continue the one that was seen.

    Raises:
        BrokenLog: it lost entries, or says something else where it said something.
    """
    if seen is None:
        return
    since = f"on {seen.at:%Y-%m-%d %H:%M} UTC it had {seen.entries} entries"
    hint = "do not trust it before its publisher has explained that"
    if log is None:
        raise BrokenLog(
            f"the log of {seen.repository} is gone: {since}",
            hint="bring the repository back from a backup; if it was begun anew on purpose, remove "
            "what the state folder has of it in decisions/seen",
        )
    if log.head.entries < seen.entries:
        raise BrokenLog(
            f"entry {log.head.entries} of the log: missing; the log of {seen.repository} shrank: "
            f"{since}, it has {log.head.entries} now",
            hint=hint,
        )
    if log.links[seen.entries - 1].hash != seen.last:
        raise BrokenLog(
            f"entry {seen.entries - 1} of the log, or one before it, is another than was seen: the log of "
            f"{seen.repository} forked; {since}, the last with sha256 {seen.last[:12]}",
            hint=hint,
        )


def remember(folder: Path, name: str, head: Head) -> None:
    """Keep a head that continues the one that was seen."""
    if remembered(folder, name) != head:
        write_atomic(folder / f"{name}.json", readable_json(to_json(head)))
