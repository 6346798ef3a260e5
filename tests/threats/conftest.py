# SPDX-License-Identifier: BSD-3-Clause
"""The world that a threat is tried in: a publisher and a site, as elsewhere in the tests."""

from __future__ import annotations

from tests.pansoft.site.conftest import publisher, release, repository_keys, signed, site

__all__ = ["publisher", "release", "repository_keys", "signed", "site"]
