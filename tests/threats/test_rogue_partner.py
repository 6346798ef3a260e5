# SPDX-License-Identifier: BSD-3-Clause
"""Rogue partner: a facility, or somebody with its keys, signs what is not its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Refused
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import NAMESPACE, NOW, Publisher, listed
from trust.federation.client import open_federation

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")


def test_rogue_partner(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> None:
    """ILL lists a version of ESRF's package: no site takes it, and the refusal names ILL."""
    with publisher.served() as url:
        site.set_up(publisher, url)
    path = f"{NAMESPACE}/tiny/6.6/tiny.sif"
    publisher.federation.lists["ill"] = [listed(path, b"of ILL", "images/tiny/6.6/tiny.sif")]
    publisher.publish()

    with publisher.mounted(tmp_path) as mount:
        federation = open_federation(
            publisher.root, mount / "trust" / "federation", cache=tmp_path / "seen", at=NOW
        )
        assert federation.listed("ill") == ()
        with pytest.raises(Refused, match="ill lists it, which may speak for ill/ only"):
            federation.find(NAMESPACE, "tiny", "6.6", "tiny.sif")


def test_rogue_partner_signs_for_another(publisher: Publisher, tmp_path: Path) -> None:
    """ILL signs ESRF's list with its own key."""
    ill = publisher.federation.facilities["ILL"]
    (tmp_path / "metadata").mkdir()
    for name, content in publisher.federation.publish(signed_by={NAMESPACE: [ill]}).items():
        (tmp_path / "metadata" / name).write_bytes(content)

    federation = open_federation(
        publisher.root, tmp_path / "metadata", cache=tmp_path / "seen", at=NOW
    )
    with pytest.raises(Refused, match=f"{NAMESPACE} was signed by 0/1"):
        federation.listed(NAMESPACE)


def test_rogue_partner_alone_has_no_say_in_core(publisher: Publisher, tmp_path: Path) -> None:
    """What all facilities run needs two of them."""
    ill = publisher.federation.facilities["ILL"]
    publisher.federation.lists["core"] = [listed("core/x/1/x.sif", b"x", "images/x/1/x.sif")]
    (tmp_path / "metadata").mkdir()
    for name, content in publisher.federation.publish(signed_by={"core": [ill]}).items():
        (tmp_path / "metadata" / name).write_bytes(content)

    federation = open_federation(
        publisher.root, tmp_path / "metadata", cache=tmp_path / "seen", at=NOW
    )
    with pytest.raises(Refused, match="core was signed by 1/2"):
        federation.listed("core")
