# SPDX-License-Identifier: BSD-3-Clause
"""May this come out here and now?"""

from __future__ import annotations

from typing import Final

from trust.rules.release import channel_allowed, support_date_valid, version_immutable
from trust.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    channel_allowed.RULE,
    support_date_valid.RULE,
    version_immutable.RULE,
)
