# SPDX-License-Identifier: BSD-3-Clause
"""May this be handed to them?"""

from __future__ import annotations

from typing import Final

from trust.rules.licensing import (
    components_allowed,
    components_known,
    licence_allowed,
    licence_known,
    redistribution,
)
from trust.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    licence_known.RULE,
    licence_allowed.RULE,
    components_allowed.RULE,
    components_known.RULE,
    redistribution.RULE,
)
