# SPDX-License-Identifier: BSD-3-Clause
"""May this come out here and now?"""

from __future__ import annotations

from typing import Final

from trust.rules.release import (
    approved,
    channel_allowed,
    channel_passed,
    no_freeze,
    retirement_noticed,
    soak_time,
    support_date_present,
    support_date_valid,
    version_grows,
    version_immutable,
)
from trust.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    channel_allowed.RULE,
    channel_passed.RULE,
    soak_time.RULE,
    no_freeze.RULE,
    approved.RULE,
    support_date_present.RULE,
    support_date_valid.RULE,
    version_grows.RULE,
    version_immutable.RULE,
    retirement_noticed.RULE,
)
