# SPDX-License-Identifier: BSD-3-Clause
"""Apptainer's Execution Control List: which keys have to have signed a SIF file before it is run.

The form is that of `ecl.toml` of Apptainer 1.4 (pkg/runtime/engine/config and its `ecl` package). What
was seen of the genuine program, and decides what is written here:

- a file belongs to the group whose `dirpath` is its very folder, without those below; a group without a
  `dirpath` takes all others, and a file of no group is not run
- a `dirpath` that is not there makes every image be refused, so no folder of a mount is ever named
- keys are known by the global key ring alone (`key_ring`); one that is expired or revoked there
  counts as no key, whatever the list says
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from enum import StrEnum

from core.errors import Refused, UserError

FILE_NAME = "ecl.toml"
GROUP = "pansoft"
NOBODY = "0" * 40
"""The fingerprint of no key: a list of it alone lets nothing run."""

_FINGERPRINT = re.compile(r"[0-9A-F]{40}")


class Mode(StrEnum):
    """Whether SIF files are controlled: not; signed by one of the keys; signed by every one of them."""

    OFF = "off"
    WHITELIST = "whitelist"
    WHITESTRICT = "whitestrict"


def text(fingerprints: Sequence[str], *, mode: Mode, may_close: bool = False) -> str:
    """Return the list by which images signed by these keys are run and no others.

    Switched off it has the same keys, so that one word switches it on.

    Args:
        fingerprints: of the keys.
        mode: whether it is switched on, and how.
        may_close: whether without any key it lets nothing run; on a machine that has a list already, the
            old one would go on trusting those who are gone.

    Raises:
        Refused: it is switched on and names no key: nothing could be run.
        UserError: what is no fingerprint is among them.
    """
    keys = sorted(set(fingerprints))
    for each in keys:
        if _FINGERPRINT.fullmatch(each) is None:
            raise UserError(f"'{each}' is not the fingerprint of a PGP key")
    if mode is not Mode.OFF and not keys and may_close:
        keys = [NOBODY]
    if mode is not Mode.OFF and not keys:
        raise Refused(
            "no key counts by the site's policy: with the Execution Control List on, no image at all "
            "could be run",
            hint="accept a signer in the site's policy, or switch the list off: --ecl off",
        )
    return "\n".join(_lines(keys, mode)) + "\n"


def is_active(content: bytes) -> bool | None:
    """Return whether a list is switched on, or None for what Apptainer could not read."""
    try:
        return tomllib.loads(content.decode()).get("activated", False) is True
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None


def _lines(keys: Sequence[str], mode: Mode) -> list[str]:
    shown = Mode.WHITELIST if mode is Mode.OFF else mode
    return [
        "# Written by 'pansoft site setup'. It covers SIF files, of every user and in every folder.",
        f"activated = {'true' if mode is not Mode.OFF else 'false'}",
        "",
        "[[execgroup]]",
        f'  tagname = "{GROUP}"',
        f'  mode = "{shown}"',
        '  dirpath = ""',
        "  keyfp = [",
        *(f'    "{key}",' for key in keys),
        "  ]",
    ]
