# SPDX-License-Identifier: BSD-3-Clause
"""Since when a version has been in a channel, built from the plan in question."""

from __future__ import annotations

from datetime import datetime

from trust.evidence import Evidence


def stays(evidence: Evidence, channel: str) -> tuple[datetime, ...]:
    """Return since when just this plan of this version is in a channel, the earliest first."""
    return tuple(
        sorted(
            each.since
            for each in evidence.history or ()
            if each.version == evidence.version
            and each.channel == channel
            and each.plan == evidence.plan
            and not each.retired
        )
    )
