# SPDX-License-Identifier: BSD-3-Clause
"""The clock. The command line reads it here and hands the time on; nothing else reads it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time of day in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def moment() -> datetime:
    """Return the time of day in UTC, in whole milliseconds."""
    found = datetime.now(UTC)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)
