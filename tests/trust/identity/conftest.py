# SPDX-License-Identifier: BSD-3-Clause
"""An issuer for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oidc_issuer import OidcIssuer, oidc_issuer


@pytest.fixture
def issuer() -> Iterator[OidcIssuer]:
    with oidc_issuer() as running:
        yield running
