# SPDX-License-Identifier: BSD-3-Clause
"""Rollback attack: yesterday's state, rightly signed, is shown as the newest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.errors import Refused, UserError
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import Publisher

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")


def test_rollback_attack(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> None:
    """The whole repository is the old one: the site has seen a newer state of the federation."""
    old = publisher.copy(tmp_path / "old")
    publisher.publish()
    with publisher.served() as url:
        site.set_up(publisher, url)
    before = site.files()

    with old.served() as url, pytest.raises(Refused, match="older state of the federation"):
        site.set_up(publisher, url)

    assert site.files() == before


def test_rollback_attack_on_the_repository_alone(
    publisher: Publisher, site: SiteMaker, tmp_path: Path
) -> None:
    """The federation is fresh and the repository old: the site has seen a newer revision."""
    old = publisher.copy(tmp_path / "old")
    publisher.publish()
    fresh = tmp_path / "federation"
    with publisher.mounted(tmp_path) as mount:
        shutil.copytree(mount / "trust" / "federation", fresh)
    with publisher.served() as url:
        site.set_up(publisher, url)

    with old.served() as url, pytest.raises(UserError, match="revision"):
        site.set_up(publisher, url, "--federation", fresh)
