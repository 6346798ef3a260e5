# SPDX-License-Identifier: BSD-3-Clause
"""The page about the policy is as fresh as the policy's schema and rules."""

from __future__ import annotations

from pathlib import Path

from trust.manual import manual

PAGE = Path(__file__).parents[2] / "docs" / "trust-policy.md"


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == manual(), (
        "run: python -m trust.manual docs/trust-policy.md"
    )
