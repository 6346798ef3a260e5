# SPDX-License-Identifier: BSD-3-Clause
"""A publisher with two versions of a package, signed once; each test publishes them in its own repository."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from builder import sign as signing
from builder.evidence.sbom import FILES
from builder.stages import Image, PlanId
from core import process
from core.console import Console
from core.files import sha256_file
from cvmfs.format.keys import RepositoryKeys, create_keys
from pansoft import clock
from pansoft.commands.site import site as site_verbs
from pansoft.context import Context
from pansoft.site.settings import SitePlaces
from tests.builder.test_sign import evidence_about, provenance_about
from tests.site_publisher import FQRN, NOW, ROOT, Publisher
from trust import keys
from trust.keys.folder import FolderKey
from trust.policy import Origin, Signer, TrustPolicy, load_policy


@pytest.fixture(scope="session")
def repository_keys(tmp_path_factory: pytest.TempPathFactory) -> RepositoryKeys:
    return create_keys(tmp_path_factory.mktemp("repository-keys"), FQRN, at=NOW)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[FolderKey, Path]:
    """Return the key that signs what is published, and its public half."""
    folder = tmp_path_factory.mktemp("release")
    info = keys.keygen(
        folder / "key",
        name="ESRF release",
        email="release@example.org",
        public=folder / "release.asc",
        bits=2048,
    )
    return keys.open_key(info.folder), folder / "release.asc"


@pytest.fixture(scope="session")
def signed(
    tmp_path_factory: pytest.TempPathFactory, release: tuple[FolderKey, Path]
) -> dict[str, Path]:
    """Return two signed versions of a package, by their folders in a repository."""
    folder = tmp_path_factory.mktemp("versions")
    return {
        f"images/tiny/{version}": sign(
            image(folder, version), *release, folder / f"{version}.signed"
        )
        for version in ("1.0", "2.0")
    }


def image(folder: Path, version: str) -> Image:
    """Make an image of a megabyte that nothing compresses."""
    tree = folder / version
    tree.mkdir()
    (tree / "data").write_bytes(os.urandom(1 << 20))
    squashfs, path = folder / f"{version}.sqfs", tree / "tiny.sif"
    steps: Sequence[list[str | Path]] = (
        ["mksquashfs", tree, squashfs, "-quiet", "-no-progress"],
        ["apptainer", "sif", "new", path],
        [
            *("apptainer", "sif", "add", path, squashfs, "--datatype", "4", "--parttype", "2"),
            *("--partfs", "1", "--partarch", "2", "--groupid", "1", "--filename", "base"),
        ],
    )
    for argv in steps:
        process.run(argv, reason="make a test image")
    for name in FILES:
        (tree / name).write_text(f"the {name} of tiny {version}\n")
    plan = PlanId(sha256_file(path))
    return Image(plan, "tiny", version, "debian-12", path, plan, path.stat().st_size, 4096)


def sign(image: Image, key: FolderKey, public: Path, folder: Path) -> Path:
    """Sign an image under the project's policy with this one signer more."""
    policy = load_policy(ROOT / "trust-policy")
    signing.sign(
        image,
        provenance=provenance_about(image),
        evidence=evidence_about(image),
        policy=replace(policy, signers=(listed(key, public),)),
        key=key,
        folder=folder,
        at=clock.now(),  # after the key was made, which a long run does long after its beginning
    )
    return folder


def listed(key: FolderKey, public: Path) -> Signer:
    return Signer("ESRF release", key.fingerprint, public, ("*",), Origin.PROJECT, None, None, None)


@pytest.fixture
def publisher(
    tmp_path: Path,
    repository_keys: RepositoryKeys,
    release: tuple[FolderKey, Path],
    signed: dict[str, Path],
) -> Publisher:
    """Return a publisher who has published both versions."""
    folder = tmp_path / "publisher"
    folder.mkdir()
    made = Publisher(folder, repository_keys, *release, versions=dict(signed))
    made.publish()
    return made


@dataclass
class SiteMaker:
    """A site: its state folder, and the folder that stands for the root of its machine."""

    state: Path
    machine: Path

    @property
    def places(self) -> SitePlaces:
        return SitePlaces(self.state)

    def run(self, *argv: str | Path) -> Result:
        """Run a verb of `pansoft site` and return how it ended, with its error as an exception."""
        context = Context(project=ROOT, state=self.state, console=Console(quiet=True))
        return CliRunner().invoke(
            site_verbs, [str(part) for part in argv], obj=context, standalone_mode=False
        )

    def done(self, *argv: str | Path) -> str:
        """Run a verb that has to end well, and return what it answered."""
        result = self.run(*argv)
        if result.exception is not None:
            raise result.exception
        return result.stdout

    def set_up(self, publisher: Publisher, url: str | Path, *more: str | Path) -> str:
        """Set the site up from an address and the publisher's root."""
        root = publisher.root_file()
        return self.done(
            *("setup", "--repository", url, "--root", root, "--prefix", self.machine, *more)
        )

    def files(self) -> dict[str, bytes]:
        """Return every file of the machine and of the site's policy."""
        return {
            str(file): file.read_bytes()
            for folder in (self.machine, self.places.policy)
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }


@pytest.fixture
def site(tmp_path: Path) -> SiteMaker:
    return SiteMaker(tmp_path / "site state", tmp_path / "machine")


def policy_with(signer: Signer) -> TrustPolicy:
    return replace(load_policy(ROOT / "trust-policy"), signers=(signer,))
