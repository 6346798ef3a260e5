# SPDX-License-Identifier: BSD-3-Clause
"""What all tests share: the marker `needs`, which names the real programs a test runs."""

from __future__ import annotations

import os

import pytest

from core.process import which


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are absent; fail it where TESTS_REQUIRE promises them.

    TESTS_REQUIRE is `all`, or program names between spaces. `make test` sets `all`.
    """
    promised = os.environ.get("TESTS_REQUIRE", "").split()
    for marker in item.iter_markers("needs"):
        missing = [tool for tool in marker.args if which(tool) is None]
        if not missing:
            continue
        message = f"needs {', '.join(missing)}"
        if "all" in promised or any(tool in promised for tool in missing):
            pytest.fail(message)
        pytest.skip(message)
