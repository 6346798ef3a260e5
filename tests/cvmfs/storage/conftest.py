# SPDX-License-Identifier: BSD-3-Clause
"""One S3 server for all tests, with an empty bucket for each, and the credentials for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cvmfs.s3_server import S3Server, credentials, s3_server


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    """Give a running S3 server."""
    with s3_server() as server:
        yield server


@pytest.fixture
def s3(running_s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Give an S3 server with an empty bucket `software`, and its credentials to this process."""
    credentials(monkeypatch)
    running_s3.begin()
    return running_s3
