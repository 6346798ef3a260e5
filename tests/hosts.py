# SPDX-License-Identifier: BSD-3-Clause
"""A host that is configured by the test and by nothing else."""

from __future__ import annotations

import os

import pytest


def forget_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what this machine says of indices, proxies and the job of a pipeline that it may be in."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "CI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
