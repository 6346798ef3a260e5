# SPDX-License-Identifier: BSD-3-Clause
from __future__ import annotations

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cvmfsscraper import scrape_server
from cvmfsscraper.http_get_models import GetCVMFSRepositoriesJSON

from core.errors import UserError
from cvmfs.format.keys import RepositoryKeys
from cvmfs.mirroring.replicate import replicate
from cvmfs.mirroring.serve import serving
from cvmfs.mirroring.server_info import META, REPOSITORIES, Contact, served, write_server_info
from cvmfs.publishing.repository import Repository
from cvmfs.publishing.server_status import status_time
from cvmfs.storage.local import LocalStorage
from tests.cvmfs.samples import AT, FQRN


@pytest.fixture
def root(repository: Repository, tmp_path: Path) -> Path:
    """Give a folder that a web server exports as /cvmfs, with one repository."""
    shutil.copytree(repository.folder, tmp_path / "srv" / FQRN)
    return tmp_path / "srv"


def replica_of(folder: Path, place: Path, keys: RepositoryKeys) -> Path:
    replicate(str(folder), LocalStorage(place), keys.public_key, at=AT, fqrn=FQRN)
    return place


def test_repositories_and_replicas_are_listed(
    root: Path, tmp_path: Path, keys: RepositoryKeys
) -> None:
    replicas = tmp_path / "replicas"
    replica_of(root / FQRN, replicas / FQRN, keys)
    entry = {"name": FQRN, "url": f"/cvmfs/{FQRN}"}

    for folder, listed in ((root, ([entry], [])), (replicas, ([], [entry]))):
        write_server_info(folder)
        facts = json.loads((folder / REPOSITORIES).read_text())
        assert (facts["schema"], facts["repositories"], facts["replicas"]) == (1, *listed)


def test_contact_stays_until_another_is_named(root: Path) -> None:
    write_server_info(root)
    blank = json.loads((root / META).read_text())
    write_server_info(root, Contact(email="cvmfs@example.org"))
    write_server_info(root)

    assert blank == {"administrator": "", "custom": {}, "email": "", "organisation": ""}
    assert json.loads((root / META).read_text()) == {**blank, "email": "cvmfs@example.org"}


def test_folder_of_another_name_is_refused(root: Path) -> None:
    (root / FQRN).rename(root / "software")

    with pytest.raises(UserError, match=f"software holds the repository {FQRN}"):
        write_server_info(root)


def test_original_is_known_without_its_permission_to_replicate(root: Path) -> None:
    (root / FQRN / ".cvmfs_master_replica").unlink()

    assert not served(root / FQRN).is_replica


def test_a_reader_written_by_others_agrees_with_a_replica(
    published: Repository, tmp_path: Path, keys: RepositoryKeys
) -> None:
    """The package cvmfs-server-scraper reads servers for the monitors of other sites."""
    replica = replica_of(published.folder, tmp_path / "replica", keys)

    with serving(replica) as url:
        server = scrape_server(urlsplit(url).netloc, [], [])

    (seen,) = server.repositories
    status = json.loads((replica / ".cvmfs_status.json").read_text())
    assert server.is_stratum1()
    assert (seen.name, seen.path) == (FQRN, f"/cvmfs/{FQRN}")
    assert status_time(status["last_snapshot"]) == seen.last_snapshot.replace(tzinfo=AT.tzinfo)
    manifest = published.manifest
    assert server.fetch_errors == seen.fetch_errors == []
    assert seen.root_catalog_ttl == manifest.ttl_s
    attributes = seen.attributes()
    assert {name: attributes[name] for name in "ABCGHMNRSTXY"} == {
        "A": False,
        "B": manifest.root_size,
        "C": manifest.root_hash,
        "G": manifest.is_collectable,
        "H": manifest.history,
        "M": manifest.metainfo,
        "N": FQRN,
        "R": hashlib.md5(b"", usedforsecurity=False).hexdigest(),
        "S": manifest.revision,
        "T": datetime.fromtimestamp(manifest.published, UTC),
        "X": manifest.certificate,
        "Y": manifest.reflog,
    }
    assert (server.metadata["schema_version"], server.metadata["cvmfs_version"]) == ("1", "pansoft")


def test_a_reader_written_by_others_agrees_with_an_original(root: Path) -> None:
    write_server_info(root)

    facts = GetCVMFSRepositoriesJSON(**json.loads((root / REPOSITORIES).read_text()))

    assert facts.repositories is not None
    assert [(one.name, one.url) for one in facts.repositories] == [(FQRN, f"/cvmfs/{FQRN}")]
    assert facts.replicas == []
