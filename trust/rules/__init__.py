# SPDX-License-Identifier: BSD-3-Clause
"""The rules, one small module each, in a folder for each of the three questions that partners ask.

A new rule is a module, a line in its folder's `__init__.py` and its cases in the tests.
"""

from __future__ import annotations

from typing import Final

from trust.rules import licensing, release, safety
from trust.rules.rule import Rule

RULES: Final[tuple[Rule, ...]] = (*safety.RULES, *release.RULES, *licensing.RULES)
