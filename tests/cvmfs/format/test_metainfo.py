# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import json
from pathlib import Path

import pytest

from cvmfs.checking.check import check
from cvmfs.errors import FormatInvalid
from cvmfs.format.history import log
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.metainfo import Metainfo, parse_metainfo
from cvmfs.publishing.describe import describe, metainfo_of
from cvmfs.publishing.repository import Repository, create_repository
from tests.cvmfs.samples import AT, LATER, read

FULL = Metainfo(
    administrator="A. Person", email="cvmfs@example.org", organisation="a facility", description="software",
    url="https://example.org", recommended_stratum0="http://one.example.org/cvmfs/software.example.org",
    recommended_stratum1s=("http://two.example.org/cvmfs/software.example.org",), custom={"team": ["x"]},
)  # fmt: skip


def test_names_are_those_that_the_genuine_server_documents() -> None:
    assert json.loads(FULL.encode()) == {
        "administrator": "A. Person",
        "email": "cvmfs@example.org",
        "organisation": "a facility",
        "description": "software",
        "url": "https://example.org",
        "recommended-stratum0": "http://one.example.org/cvmfs/software.example.org",
        "recommended-stratum1s": ["http://two.example.org/cvmfs/software.example.org"],
        "custom": {"team": ["x"]},
    }


@pytest.mark.parametrize("metainfo", [Metainfo(), FULL, Metainfo(email="a@b")])
def test_what_is_said_comes_back(metainfo: Metainfo) -> None:
    assert parse_metainfo(metainfo.encode(), where="here") == metainfo


def test_names_of_others_are_kept_as_custom_ones() -> None:
    assert parse_metainfo(b'{"email": "a@b", "phone": 5}', where="here") == Metainfo(
        email="a@b", custom={"phone": 5}
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"email": 5}', b'{"recommended-stratum1s": "x"}', b'{"custom": []}', b"\xff",
     b'{"recommended-stratum1s": [5]}'],
)  # fmt: skip
def test_what_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(FormatInvalid, match="here"):
        parse_metainfo(content, where="here")


def test_new_repository_says_it(keys: RepositoryKeys, tmp_path: Path) -> None:
    repository = create_repository(tmp_path / "r", keys, at=AT, metainfo=FULL)

    reader = read(repository, keys)
    assert metainfo_of(reader) == metainfo_of(repository) == FULL
    assert check(reader).findings == ()


def test_describing_is_no_new_revision(repository: Repository, keys: RepositoryKeys) -> None:
    assert metainfo_of(repository) == Metainfo()

    describe(repository, keys, FULL, at=LATER)

    reader = read(repository, keys)
    assert metainfo_of(reader) == FULL
    assert reader.revision == 1
    assert reader.manifest.published == int(LATER.timestamp())
    assert len(log(repository)) == 1
    assert check(reader).findings == ()
