# SPDX-License-Identifier: BSD-3-Clause
"""The clock. The command line reads it here and hands the time on; nothing else reads it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the time of day in UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)
