# SPDX-License-Identifier: BSD-3-Clause
"""How names, versions, times and links look in every file of a catalogue; of the whole text each."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]{0,63}")
VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
LINK: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[!-~]*)?")


def time_text(at: datetime) -> str:
    """Return a time, with its zone, as `TIME` has it: in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
