# SPDX-License-Identifier: BSD-3-Clause
"""Compromised Stratum-1: a server that sites read is in somebody's hands, who has none of the keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import Refused, UserError
from cvmfs.format.hashes import object_path
from cvmfs.reading.reader import open_reader, pieces
from tests.cvmfs.samples import flip_byte
from tests.pansoft.site.conftest import SiteMaker
from tests.site_publisher import FQRN, NOW, Publisher

pytestmark = pytest.mark.needs("apptainer", "gpg", "mksquashfs", "fusermount3")

IMAGE = "images/tiny/2.0/tiny.sif"


def test_compromised_stratum_1(publisher: Publisher, site: SiteMaker, tmp_path: Path) -> None:
    """It changes one byte of an image: whoever reads it gets an error, and the site says no."""
    with publisher.served() as url:
        site.set_up(publisher, url)
    with open_reader(publisher.storage, FQRN, publisher.keys.public_key, at=NOW) as reader:
        content_hash, suffix, _ = list(pieces(reader.entry(IMAGE)))[3]
    flip_byte(publisher.storage / object_path(content_hash, suffix))

    with publisher.mounted(tmp_path) as mount:
        with pytest.raises(OSError, match="Input/output error"):
            (mount / IMAGE).read_bytes()
        with pytest.raises((UserError, OSError)):
            site.done("verify", "tiny@2.0", "--mount", mount, "--full")


def test_compromised_stratum_1_that_writes_a_catalogue(
    publisher: Publisher, site: SiteMaker
) -> None:
    """It makes a new root catalogue and signs nothing, for it cannot: the manifest does not fit."""
    with publisher.served() as url:
        site.set_up(publisher, url)
    manifest = publisher.storage / ".cvmfspublished"
    lines = manifest.read_bytes().split(b"\n")
    lines[0] = b"C" + b"0" * 40
    manifest.write_bytes(b"\n".join(lines))
    before = site.files()

    with publisher.served() as url, pytest.raises(Refused, match=r"signature|hash|manifest"):
        site.set_up(publisher, url)

    assert site.files() == before
