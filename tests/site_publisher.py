# SPDX-License-Identifier: BSD-3-Clause
"""A publisher as a site meets it: a repository, signed images in it, and a federation that answers for both.

    publisher = Publisher(folder, keys=repository_keys, key=signing_key, public=armored_key)
    publisher.versions["images/tiny/1.0"] = signed_folder
    publisher.publish()
    with publisher.served() as url: …

What a test wants to be wrong it changes between two steps; the metadata is written by python-tuf alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.metadata import TargetFile

from builder.stages import Fingerprint, SignedTree
from catalog import held
from catalog.entry import CatalogEntry, Signer, write_entry
from cvmfs.format.keys import RepositoryKeys
from cvmfs.mirroring.serve import serving
from cvmfs.mounting.mount import mounted
from cvmfs.publishing.publish import transaction
from cvmfs.publishing.repository import Repository, create_repository, repository_at
from pansoft import trees
from pansoft.content_tables import put_table, signed_files
from tests.catalog.samples import entry
from tests.federations import FederationMaker, signer
from trust.keys.folder import FolderKey
from trust.keys.proposal import signer_entry

FQRN = "software.pan.local"
NAMESPACE = "esrf"
NOW = datetime.now(UTC).replace(microsecond=0)
CHUNK = 64 << 10
ROOT = Path(__file__).parents[1]


@dataclass
class Publisher:
    """A repository in a folder, what it publishes, and the federation's keys.

    Args:
        folder: where the repository is made.
        keys: of the repository.
        key: the one that signs images.
        public: its armored public half.
        versions: the signed folder of each version, by its folder in the repository.
        trees: signed trees, by their folders in the repository.
        lies: files that are published with other content than is right, by their path.
        lists_key: whether the policy lists the signing key.
        signer_more: further fields of its entry in the policy, as text.
    """

    folder: Path
    keys: RepositoryKeys
    key: FolderKey
    public: Path
    versions: dict[str, Path] = field(default_factory=dict)
    trees: dict[str, SignedTree] = field(default_factory=dict)
    lies: dict[str, bytes] = field(default_factory=dict)
    lists_key: bool = True
    signer_more: dict[str, str] = field(default_factory=dict)
    federation: FederationMaker = field(default_factory=lambda: FederationMaker(at=NOW))
    _repository: Repository | None = None

    @property
    def repository(self) -> Repository:
        """Return the repository, made the first time."""
        if self._repository is None:
            self._repository = create_repository(self.folder / "repository", self.keys, at=NOW)
        return self._repository

    @property
    def storage(self) -> Path:
        """Return the folder that a web server exports."""
        return self.folder / "repository"

    @property
    def root(self) -> bytes:
        """Return the federation's first root."""
        return self.federation.roots["1.root.json"]

    def root_file(self) -> Path:
        """Return the first root as a file, as somebody would mail it."""
        file = self.folder / "root.json"
        file.write_bytes(self.root)
        return file

    def policy(self) -> dict[str, bytes]:
        """Return policy and keys by their paths in the repository."""
        text = (ROOT / "trust-policy" / "policy.yaml").read_text(encoding="utf-8")
        if self.lists_key:
            listed_key = signer_entry(
                "ESRF release", self.key.fingerprint, self.public.name, more=self.signer_more
            )
            text = text.replace("signers: []", f"signers:\n{listed_key}")
            assert self.key.fingerprint in text
        return {
            "trust/policy.yaml": text.encode(),
            f"trust/keys/{self.public.name}": self.public.read_bytes(),
            f"trust/{FQRN}.pub": self.keys.public_key.read_bytes(),
        }

    def targets(self) -> dict[str, tuple[str, bytes]]:
        """Return what the namespace lists: where it lies and its content, by its name there."""
        policy = self.policy()
        found = {
            f"{NAMESPACE}/policy/policy.yaml": ("trust/policy.yaml", policy["trust/policy.yaml"]),
            f"{NAMESPACE}/keys/{FQRN}.pub": (f"trust/{FQRN}.pub", policy[f"trust/{FQRN}.pub"]),
            f"{NAMESPACE}/keys/{self.public.name}": (
                f"trust/keys/{self.public.name}",
                self.public.read_bytes(),
            ),
        }
        signed = self.versions | {k: tree.manifest.parent for k, tree in self.trees.items()}
        for place, folder in signed.items():
            name, version = place.split("/")[1:]
            for file in sorted((*folder.glob("*.sif*"), *folder.glob("*.mtree*"))):
                found[f"{NAMESPACE}/{name}/{version}/{file.name}"] = (
                    f"{place}/{file.name}",
                    file.read_bytes(),
                )
        return found

    def metadata(self) -> dict[str, bytes]:
        """Return the next state of the federation's folder, keys and policy beside the metadata."""
        found = self.targets()
        self.federation.lists[NAMESPACE] = [
            listed(name, content, location) for name, (location, content) in found.items()
        ]
        files = self.federation.publish()
        for name, (_, content) in found.items():
            if name.split("/")[1] in ("keys", "policy"):
                (made,) = (t for t in self.federation.lists[NAMESPACE] if t.path == name)
                folder, _, file = name.rpartition("/")
                files[f"targets/{folder}/{made.hashes['sha256']}.{file}"] = content
        return files

    def publish(self) -> None:
        """Publish everything in one revision, and then what is not right in another one."""
        files = self.policy() | {
            f"trust/federation/{name}": content for name, content in self.metadata().items()
        }
        with transaction(self.repository, self.keys, at=NOW, chunk_size=CHUNK) as tx:
            for path, content in files.items():
                tx.put_bytes(content, path)
            for place, folder in self.versions.items():
                name, version = place.split("/")[1:]
                for file in sorted(folder.iterdir()):
                    tx.put_file(file, f"{place}/{file.name}")
                put_table(
                    tx,
                    place,
                    signed_files(sorted(folder.iterdir())),
                    subject=next(folder.glob("*.statement.json")),
                    repository=FQRN,
                    key=self.key,
                )
                tx.put_bytes(write_entry(self._entry(name, version)), f"{place}/entry.json")
            tx.put_bytes(held.write_held(()), held.PATH)
            for place, tree in self.trees.items():
                trees.put(tx, tree, place, repository=FQRN, key=self.key)
        if self.lies:
            with transaction(self.repository, self.keys, at=NOW, chunk_size=CHUNK) as tx:
                for path, content in self.lies.items():
                    tx.put_bytes(content, path)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the repository over HTTP and give its address."""
        with serving(self.storage) as url:
            yield url

    @contextmanager
    def mounted(self, folder: Path) -> Iterator[Path]:
        """Mount the repository over HTTP, as the CVMFS client of a site does."""
        with (
            self.served() as url,
            mounted(
                url, FQRN, self.keys.public_key, folder / "mount", cache=folder / "cache"
            ) as at,
        ):
            yield at

    def copy(self, folder: Path) -> Publisher:
        """Return the same publisher with a repository of its own, as a mirror has one."""
        shutil.copytree(self.storage, folder / "repository")
        return Publisher(
            folder,
            self.keys,
            self.key,
            self.public,
            dict(self.versions),
            dict(self.trees),
            federation=self.federation,
            _repository=repository_at(folder / "repository", FQRN),
        )

    def _entry(self, name: str, version: str) -> CatalogEntry:
        return entry(
            name,
            version,
            fqrn=FQRN,
            signer=Signer(Fingerprint(self.key.fingerprint), "ESRF release"),
        )


def listed(path: str, content: bytes, location: str) -> TargetFile:
    """Return what a namespace says of a file of the repository."""
    made = TargetFile.from_data(path, content, ["sha256"])
    made.unrecognized_fields["custom"] = {"repository": FQRN, "path": location}
    return made


__all__ = ["FQRN", "NAMESPACE", "NOW", "Publisher", "listed", "signer"]
