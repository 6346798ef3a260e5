# SPDX-License-Identifier: BSD-3-Clause
"""Compromised mirror: somebody else serves our names, with bytes or keys of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Refused
from cvmfs.format.keys import create_keys
from tests.pansoft.site.conftest import SiteMaker
from tests.servers import Altered, file_server
from tests.site_publisher import FQRN, NAMESPACE, NOW, Publisher
from trust.federation.client import open_federation

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")

WRONG_KEY = f"not signed by the given master key|is not {NAMESPACE}/keys/{FQRN}.pub"


def test_compromised_mirror(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> None:
    """It has keys of its own: a new site is not set up, an old one stays as it is."""
    with publisher.served() as url:
        site.set_up(publisher, url)
    before = site.files()
    impostor = _impostor(publisher, tmp_path)
    newcomer = SiteMaker(tmp_path / "newcomer", tmp_path / "new machine")

    with impostor.served() as url:
        for victim in (site, newcomer):
            with pytest.raises(Refused, match=WRONG_KEY):
                victim.set_up(publisher, url)

    assert site.files() == before
    assert newcomer.files() == {}


def test_compromised_mirror_of_the_federation(publisher: Publisher, tmp_path: Path) -> None:
    """It has the right metadata, and one byte of a namespace's list is another one."""
    files = {f"/trust/federation/{name}": data for name, data in publisher.metadata().items()}
    (listed,) = (name for name in files if name.endswith(f".{NAMESPACE}.json"))

    with file_server() as mirror:
        mirror.files.update(files)
        mirror.faults[listed] = [Altered()]
        federation = open_federation(
            publisher.root, mirror.url("/trust/federation"), cache=tmp_path / "cache", at=NOW
        )
        with pytest.raises(Refused, match="mix-and-match"):
            federation.listed(NAMESPACE)


def _impostor(publisher: Publisher, folder: Path) -> Publisher:
    """Return who serves the same under the same name, signed by a repository key of their own.

    The federation's metadata they can copy only.
    """
    copied = publisher.metadata()
    (folder / "impostor").mkdir()
    keys = create_keys(folder / "impostor", FQRN, at=NOW)
    made = Publisher(
        folder / "impostor",
        keys,
        publisher.key,
        publisher.public,
        dict(publisher.versions),
        lies={f"trust/federation/{name}": content for name, content in copied.items()},
    )
    made.publish()
    return made
