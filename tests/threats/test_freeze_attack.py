# SPDX-License-Identifier: BSD-3-Clause
"""Freeze attack: sites are kept at a state of some days ago, in which a hole is not yet mended."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Refused
from cvmfs.reading.reader import open_reader
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import FQRN, NAMESPACE, NOW, Publisher
from trust.federation.client import open_federation

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")


def test_freeze_attack(publisher: Publisher, site: SiteMaker) -> None:
    """The timestamp ends by itself, and with it every answer; what is installed stays as it is."""
    with publisher.served() as url:
        site.set_up(publisher, url)
        before = site.files()
        publisher.federation.days["timestamp"] = -1
        publisher.publish()

        with pytest.raises(Refused, match=r"has expired.*\(freeze\)"):
            site.done("update")

    assert site.files() == before


@pytest.mark.parametrize(("days", "is_fresh"), [(2.9, True), (3.1, False)])
def test_freeze_attack_lasts_no_longer_than_the_timestamp(
    publisher: Publisher, tmp_path: Path, days: float, is_fresh: bool
) -> None:
    with publisher.mounted(tmp_path) as mount:
        source = mount / "trust" / "federation"
        then = NOW + timedelta(days=days)
        cache = tmp_path / "seen"
        if is_fresh:
            assert open_federation(publisher.root, source, cache=cache, at=then).listed(NAMESPACE)
            return
        with pytest.raises(Refused, match="freeze"):
            open_federation(publisher.root, source, cache=cache, at=then)


def test_freeze_attack_on_the_repository_alone(publisher: Publisher) -> None:
    """Its whitelist ends after a month."""
    with pytest.raises(Refused, match="expired"):
        open_reader(publisher.storage, FQRN, publisher.keys.public_key, at=NOW + timedelta(days=32))
