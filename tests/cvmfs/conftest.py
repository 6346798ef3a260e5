# SPDX-License-Identifier: BSD-3-Clause
"""Keys made once, and a fresh repository for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from cvmfs.keys import RepositoryKeys, create_keys
from cvmfs.repository import Repository, create_repository
from tests.cvmfs.samples import AT, FQRN, make_odd_tree


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> RepositoryKeys:
    """Give the keys of `software.example.org`."""
    return create_keys(tmp_path_factory.mktemp("keys"), FQRN, at=AT)


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> RepositoryKeys:
    """Give keys of the same name that nobody trusts."""
    return create_keys(tmp_path_factory.mktemp("other-keys"), FQRN, at=AT)


@pytest.fixture
def repository(tmp_path: Path, keys: RepositoryKeys) -> Repository:
    """Give an empty repository."""
    return create_repository(tmp_path / "repository", keys, at=AT)


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    """Give a folder with everything that a tree may hold."""
    return make_odd_tree(tmp_path / "odd tree")
