# SPDX-License-Identifier: BSD-3-Clause
"""The real base that tests of the loop build on."""

from __future__ import annotations

from tests.builder.conftest import builds

__all__ = ["builds"]
