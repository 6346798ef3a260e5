# SPDX-License-Identifier: BSD-3-Clause
"""The real base that tests of the loop build on, and a publisher whose repository has a log."""

from __future__ import annotations

from tests.builder.conftest import builds
from tests.pansoft.publishers import published_log, publisher

__all__ = ["builds", "published_log", "publisher"]
