# SPDX-License-Identifier: BSD-3-Clause
"""The roots that somebody has seen in force, kept where they sign.

Whoever can write to the project's history could show a signer another federation from its first root on, in
which a takeover looks like a small change. The signature would count in the true one. So who signs keeps what
was in force then, and signs nothing on top of anything else.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from core.canonical import readable_json
from core.errors import Refused, UserError
from core.files import write_atomic
from trust.federation.documents import Agreed

FILE = "known-roots.json"


def check(file: Path, agreed: Agreed) -> None:
    """Compare what is in force with what was seen before on this machine.

    Raises:
        Refused: it is another federation, or an older state of it.
        UserError: the file cannot be understood.
    """
    now = _digests(agreed)
    for version, digest in _read(file).items():
        if now.get(version) != digest:
            what = "is missing" if version not in now else "is another one"
            raise Refused(
                f"root {version} {what}: this is not the federation that was signed here before",
                hint="somebody shows you another history; ask the other facilities for theirs, "
                f"by telephone. What was seen here is in {file}",
            )


def remember(file: Path, agreed: Agreed) -> None:
    """Keep what is in force."""
    write_atomic(file, readable_json({"schema": 1, "roots": _digests(agreed)}), mode=0o600)


def _read(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    try:
        roots = json.loads(file.read_text(encoding="utf-8"))["roots"]
        return {str(version): str(digest) for version, digest in roots.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise UserError(
            f"{file} does not say which roots were seen here",
            hint="bring it back from a backup; without it nothing tells a false history",
        ) from err


def _digests(agreed: Agreed) -> dict[str, str]:
    """Return the sha256 of every root by its version; signatures may be added and do not count."""
    return {
        str(root.signed.version): hashlib.sha256(root.signed_bytes).hexdigest()
        for root in agreed.roots
    }
