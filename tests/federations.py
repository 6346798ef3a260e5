# SPDX-License-Identifier: BSD-3-Clause
"""A federation in memory, for tests: three facilities, their keys, and every lie one may want to tell.

It is written with python-tuf alone and not with ours, so that what we read is what others write. Each
`publish` gives the files of the folder `trust/federation`, as a repository would have them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FACILITY = "x-pansoft-facility"
REPOSITORY = "software.pan.example.org"


def signer(facility: str) -> CryptoSigner:
    """Return a new key of a facility."""
    made = CryptoSigner.generate_ed25519()
    public = SSlibKey(
        made.public_key.keyid,
        made.public_key.keytype,
        made.public_key.scheme,
        made.public_key.keyval,
        {FACILITY: facility},
    )
    return CryptoSigner(made._private_key, public)


def target(path: str, content: bytes, *, location: str | None = None) -> TargetFile:
    """Return what the metadata says of a file."""
    made = TargetFile.from_data(path, content, ["sha256"])
    made.unrecognized_fields["custom"] = {
        "repository": REPOSITORY,
        "path": location or "images/" + path.split("/", 1)[1],
    }
    return made


@dataclass
class FederationMaker:
    """Keys, what each namespace lists, the versions, and how long each role counts, in days."""

    facilities: dict[str, CryptoSigner] = field(
        default_factory=lambda: {name: signer(name) for name in ("ESRF", "ILL", "DESY")}
    )
    online: CryptoSigner = field(default_factory=lambda: signer("online"))
    namespaces: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            "core": ("ESRF", "ILL", "DESY"),
            "esrf": ("ESRF",),
            "ill": ("ILL",),
        }
    )
    lists: dict[str, list[TargetFile]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    days: dict[str, int] = field(default_factory=dict)
    at: datetime = NOW
    root_threshold: int = 2
    roots: dict[str, bytes] = field(default_factory=dict)
    snapshot: dict[str, int] = field(default_factory=dict)

    def publish(
        self,
        *,
        signed_by: Mapping[str, Sequence[CryptoSigner]] | None = None,
        timestamp: bool = True,
    ) -> dict[str, bytes]:
        """Return the files of the next state; `signed_by` gives a role other signers than its own."""
        chosen = dict(signed_by or {})
        files: dict[str, bytes] = {}
        if not self.roots:
            self.new_root()
        top = Targets(self._next("targets"), expires=self._expiry("targets", 365))
        top.delegations = self._delegations()
        files |= self._file(top, "targets", chosen.get("targets", self._seats()))
        for name, holders in self.namespaces.items():
            listed = {each.path: each for each in self.lists.get(name, [])}
            signed = Targets(
                self._next(name),
                expires=self._expiry(name, 90),
                targets=dict(sorted(listed.items())),
            )
            keys = [self.facilities[holder] for holder in holders][: 2 if name == "core" else 1]
            files |= self._file(signed, name, chosen.get(name, keys))
        meta = {
            f"{name.split('.')[1]}.json": MetaFile.from_data(
                int(name.split(".")[0]), content, ["sha256"]
            )
            for name, content in files.items()
        }
        snapshot = Snapshot(self._next("snapshot"), expires=self._expiry("snapshot", 14), meta=meta)
        made = self._file(snapshot, "snapshot", chosen.get("snapshot", [self.online]))
        files |= made
        if timestamp:
            (content,) = made.values()
            stamp = Timestamp(
                self._next("timestamp"),
                expires=self._expiry("timestamp", 3),
                snapshot_meta=MetaFile.from_data(snapshot.version, content, ["sha256"]),
            )
            stampers = chosen.get("timestamp", [self.online])
            files |= {"timestamp.json": self._file(stamp, "timestamp", stampers).popitem()[1]}
        return files | self.roots

    def new_root(
        self, *, also_signed_by: Sequence[CryptoSigner] = (), only: int | None = None
    ) -> bytes:
        """Add a root of the keys as they are now; `only` so many of its own keys sign it."""
        version = self._next("root")
        root = Root(version, expires=self._expiry("root", 365), consistent_snapshot=True)
        root.roles = {name: Role([], 1) for name in ("root", "targets", "snapshot", "timestamp")}
        for each in self.facilities.values():
            root.add_key(each.public_key, "root")
            root.add_key(each.public_key, "targets")
        root.add_key(self.online.public_key, "snapshot")
        root.add_key(self.online.public_key, "timestamp")
        root.roles["root"].threshold = root.roles["targets"].threshold = self.root_threshold
        mine = self._seats() if only is None else list(self.facilities.values())[:only]
        content = self._file(root, "root", [*mine, *also_signed_by]).popitem()[1]
        self.roots[f"{version}.root.json"] = content
        return content

    def _seats(self) -> list[CryptoSigner]:
        return list(self.facilities.values())[: self.root_threshold]

    def _delegations(self) -> Delegations:
        holders = {name for each in self.namespaces.values() for name in each}
        keys = {
            self.facilities[name].public_key.keyid: self.facilities[name].public_key
            for name in sorted(holders)
        }
        roles = {
            name: DelegatedRole(
                name,
                [self.facilities[each].public_key.keyid for each in holders],
                2 if name == "core" else 1,
                terminating=True,
                paths=[f"{name}/*/*/*", f"{name}/keys/*", f"{name}/policy/*"],
            )
            for name, holders in self.namespaces.items()
        }
        return Delegations(dict(keys), roles)

    def _next(self, role: str) -> int:
        self.versions[role] = self.versions.get(role, 0) + 1
        return self.versions[role]

    def _expiry(self, role: str, days: int) -> datetime:
        return self.at + timedelta(days=self.days.get(role, days))

    def _file(
        self,
        signed: Signed,
        role: str,
        keys: Sequence[CryptoSigner],
    ) -> dict[str, bytes]:
        metadata: Metadata[Any] = Metadata(signed)  # Any: one of four kinds
        for key in keys:
            metadata.sign(key, append=True)
        return {f"{signed.version}.{role}.json": metadata.to_bytes()}
