# SPDX-License-Identifier: BSD-3-Clause
"""A host for tests that fetch and lock: its apt and pip know one server, on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packages import apt_host
from tests.servers import FileServer, file_server


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Return a server without files."""
    with file_server() as running:
        yield running


@pytest.fixture
def host(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """Return the one server that this host's apt (/debian) and pip (/simple) are configured for."""
    for name in list(os.environ):
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", server.url("/simple"))
    for name, value in apt_host(tmp_path / "host", server.url("/debian")).items():
        monkeypatch.setenv(name, value)
    return server
