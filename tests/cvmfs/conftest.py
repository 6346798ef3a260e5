# SPDX-License-Identifier: BSD-3-Clause
"""Keys made once, and a fresh repository for every test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cvmfs.format.keys import RepositoryKeys, create_keys
from cvmfs.publishing.repository import Repository, create_repository, repository_at
from tests.cvmfs.samples import AT, FQRN, make_odd_tree, publish_tree


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


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory, keys: RepositoryKeys) -> Path:
    """Give a folder with a tree and a repository in which it is published at `odd`: not to be changed."""
    folder = tmp_path_factory.mktemp("published")
    repository = create_repository(folder / "repository", keys, at=AT)
    publish_tree(repository, keys, make_odd_tree(folder / "tree"), "odd", nest=True)
    return folder


@pytest.fixture
def published(published_once: Path, tmp_path: Path) -> Repository:
    """Give a repository of one's own in which the odd tree is published at `odd`."""
    shutil.copytree(published_once / "repository", tmp_path / "published")
    return repository_at(tmp_path / "published", FQRN)


@pytest.fixture
def published_tree(published_once: Path) -> Path:
    """Give the tree that is published there: not to be changed."""
    return published_once / "tree"
