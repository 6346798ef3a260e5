# SPDX-License-Identifier: BSD-3-Clause
"""A repository gateway over a socket: it holds every request against the interface, merges and signs.

Written from the public sources, apart from what is tested: signatures, packs and merges are looked at by
code of its own. Differences from the genuine one that matter here: catalogs are held against one another
as a whole, and nothing is merged in parallel.

A test may make it misbehave through `trouble`, and see in `requests` what was asked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from cvmfs.format.entries import Entry, Kind
from cvmfs.format.hashes import ContentHash
from cvmfs.format.history import Tag, tagged, tags_of
from cvmfs.format.keys import RepositoryKeys
from cvmfs.format.paths import MARKER, is_inside, parent_of
from cvmfs.publishing.catalog_set import CatalogSet
from cvmfs.publishing.lease import Lease
from cvmfs.publishing.repository import Repository, commit

ROOT = "/api/v1"


class Refusal(Exception):
    """The gateway answers `error` with this reason."""


@dataclass
class HeldLease:
    """A lease somebody has."""

    path: str
    token: str
    expires: float
    hostname: str


@dataclass
class Trouble:
    """What goes wrong: how many requests of a kind are cut, and what else is odd."""

    cut_payloads: int = 0
    cut_commits: int = 0
    garbage: bool = False
    version: int = 3
    can_renew: bool = True


@dataclass
class GatewayServer:
    """The state of a gateway for one repository; `key_path` is where its one key may publish."""

    repository: Repository
    keys: RepositoryKeys
    at: datetime
    name: str = "publisher"
    secret: str = "between us"
    key_path: str = "/"
    lease_s: float = 7200.0
    url: str = ""
    leases: dict[str, HeldLease] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    headers_seen: list[str] = field(default_factory=list)
    trouble: Trouble = field(default_factory=Trouble)
    lock: threading.RLock = field(default_factory=threading.RLock)

    # -- who is asking

    def check_signature(self, header: str, signed: bytes) -> None:
        name, _, value = header.partition(" ")
        digits = hmac.new(self.secret.encode(), signed, hashlib.sha1).hexdigest()
        expected = base64.b64encode(digits.encode()).decode()
        if name != self.name or not hmac.compare_digest(value, expected):
            raise Refusal("invalid_hmac")

    # -- leases

    def new_lease(self, message: dict[str, str]) -> dict[str, Any]:
        if not message["api_version"].isdigit():
            raise Refusal("invalid request body")
        repository, separator, path = message["path"].partition("/")
        if not separator or repository != self.repository.fqrn:
            raise Refusal("invalid_repo")
        if not is_inside(path, self.key_path.strip("/")):
            raise Refusal("authorization error: invalid_path")
        with self.lock:
            for lease in list(self.leases.values()):
                left = lease.expires - time.monotonic()
                if left <= 0:
                    del self.leases[lease.token]
                elif is_inside(path, lease.path) or is_inside(lease.path, path):
                    return {"status": "path_busy", "time_remaining": f"{left:.6f}s"}
            token = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            expires = time.monotonic() + self.lease_s
            self.leases[token] = HeldLease(path, token, expires, message["hostname"])
        version = min(int(message["api_version"]), self.trouble.version)
        return {"status": "ok", "session_token": token, "max_api_version": version}

    def lease(self, token: str) -> HeldLease:
        lease = self.leases.get(token)
        if lease is None or lease.expires <= time.monotonic():
            raise Refusal("invalid lease")
        return lease

    def drop(self, token: str) -> dict[str, Any]:
        if self.leases.pop(token, None) is None:
            raise Refusal("invalid lease")
        return {"status": "ok"}

    def renew(self, token: str) -> dict[str, Any]:
        lease = self.lease(token)
        lease.expires = time.monotonic() + self.lease_s
        return {"status": "ok", "data": {"expires": "later"}}

    # -- payloads

    def take(self, message: dict[str, str], content: bytes) -> dict[str, Any]:
        self.lease(message["session_token"])
        if set(message) != {"session_token", "payload_digest", "header_size", "api_version"}:
            raise Refusal("invalid request body")
        size = int(message["header_size"])
        header, payload = content[:size], content[size:]
        if hashlib.sha1(header).hexdigest() != message["payload_digest"]:
            raise Refusal("other_error")
        head, _, index = header.decode("ascii").partition("--\n")
        fields = {line[0]: line[1:] for line in head.splitlines()}
        rows = [line.split(" ") for line in index.splitlines()]
        sizes = [int(row[2]) for row in rows]
        if (
            list(fields) != ["V", "S", "N"]
            or fields["V"] != "2"
            or {row[0] for row in rows} != {"C"}
        ):
            raise Refusal("other_error")
        if (int(fields["N"]), int(fields["S"])) != (len(rows), sum(sizes)) or sum(sizes) != len(
            payload
        ):
            raise Refusal("other_error")
        for row, object_size in zip(rows, sizes, strict=True):
            self.store(row[1], payload[:object_size])
            payload = payload[object_size:]
        return {"status": "ok"}

    def store(self, name: str, content: bytes) -> None:
        if hashlib.sha1(content).hexdigest() != name[:40] or name[40:] not in ("", "P", "C"):
            raise Refusal("other_error")
        file = self.repository.folder / "data" / name[:2] / name[2:]
        if not file.exists():
            file.write_bytes(content)

    # -- commits

    def commit(self, token: str, message: dict[str, str]) -> dict[str, Any]:
        with self.lock:
            lease = self.lease(token)
            if message["old_root_hash"][-1:] != "C" or message["new_root_hash"][-1:] != "C":
                raise Refusal("miscellaneous")
            with self.repository.locked("merge") as lock:
                revision = self.merge(lease.path, message, lock)
            del self.leases[token]
        return {"status": "ok", "final_revision": revision}

    def merge(self, path: str, message: dict[str, str], lock: Lease) -> int:
        """Take what differs below a path between two trees into the current one, and sign."""
        manifest = self.repository.manifest
        before = self.tree(ContentHash(message["old_root_hash"][:-1]), path)
        after = self.tree(ContentHash(message["new_root_hash"][:-1]), path)
        store = self.repository.store
        now = CatalogSet(store, manifest.root_hash, int(self.at.timestamp()))
        for gone in sorted(before.keys() - after.keys()):
            if now.get(gone) is not None:
                now.remove(gone)
        for name in sorted(after):
            entry = after[name]
            if before.get(name) == entry or entry.name == MARKER or entry.kind is Kind.SPECIAL:
                continue
            if entry.link_count > 1 and not entry.is_directory:
                raise Refusal("merge_error")  # the genuine one splits it, or dies
            if name and now.get(parent_of(name)) is None:
                raise Refusal("merge_error")
            old = now.get(name)
            if old is not None and old.is_directory != entry.is_directory:
                now.remove(name)
            plain = replace(
                entry, is_mountpoint=bool(old and old.is_mountpoint), is_nested_root=False
            )
            now.put(plain)
            if entry.is_mountpoint:
                now.nest(name)
        for name in sorted({*after, *map(parent_of, (*before, *after))}):
            directory = now.get(name)
            if directory is not None and directory.is_directory:
                now.recount(name)
        root = now.write(manifest.revision + 1, ttl_s=manifest.ttl_s)
        now.close()
        revised = replace(
            manifest,
            revision=manifest.revision + 1,
            root_hash=root.content_hash,
            root_size=root.size,
            published=max(int(self.at.timestamp()), manifest.published),
        )
        tag = Tag(
            message["tag_name"],
            root.content_hash,
            revised.revision,
            revised.published,
            message["tag_description"],
            root.size,
        )
        tags = tagged(tags_of(self.repository), revised, tag.description)
        commit(self.repository, store, self.keys, revised, lease=lock, tags=(*tags, tag))
        return revised.revision

    def tree(self, root_hash: ContentHash, path: str) -> dict[str, Entry]:
        """Return what is at a path and below in the tree of a root catalog."""
        catalogs = CatalogSet(self.repository.store, root_hash, 0)
        root = catalogs.get(path)
        waiting = [] if root is None else [root]
        found: dict[str, Entry] = {}
        while waiting:
            entry = waiting.pop()
            found[entry.path] = entry
            if entry.is_directory:
                waiting += catalogs.children(entry.path)
        catalogs.close()
        self.repository.store.clean_scratch()
        return found


@contextmanager
def gateway_serving(gateway: GatewayServer) -> Iterator[GatewayServer]:
    """Serve a gateway for the time of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.gateway = gateway  # type: ignore[attr-defined]  # read by the handlers
    gateway.url = f"http://127.0.0.1:{server.server_address[1]}{ROOT}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Cut(Exception):
    """The connection breaks."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float | None] = 30.0

    @property
    def gateway(self) -> GatewayServer:
        return self.server.gateway  # type: ignore[attr-defined,no-any-return]  # set above

    def do_POST(self) -> None:
        self.answer()

    def do_DELETE(self) -> None:
        self.answer()

    def do_PATCH(self) -> None:
        self.answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        return

    def answer(self) -> None:
        gateway = self.gateway
        what = self.path.removeprefix(ROOT + "/").split("/")
        with gateway.lock:
            gateway.requests[f"{self.command} {what[0]}{'/TOKEN' if len(what) > 1 else ''}"] += 1
            gateway.headers_seen.append(str(self.headers))
        try:
            if gateway.trouble.garbage:
                self.reply(200, b"<html>It works!</html>")
            elif self.command == "PATCH" and not gateway.trouble.can_renew:
                self.reply(405, b"Method Not Allowed\n")
            else:
                self.reply(200, json.dumps(self.result(what)).encode())
        except Refusal as refusal:
            self.reply(200, json.dumps({"status": "error", "reason": str(refusal)}).encode())
        except _Cut:
            self.close_connection = True

    def result(self, what: list[str]) -> dict[str, Any]:
        gateway, header = self.gateway, self.headers.get("Authorization", "")
        match (self.command, *what):
            case ("POST", "leases"):
                body = self.body()
                gateway.check_signature(header, body)
                return gateway.new_lease(json.loads(body))
            case ("POST", "payloads"):
                if self.cut("cut_payloads"):
                    self.rfile.read(100)
                    raise _Cut
                size = int(self.headers["Message-Size"])
                body = self.body()
                gateway.check_signature(header, body[:size])
                return gateway.take(json.loads(body[:size]), body[size:])
            case ("POST", "leases", token):
                body = self.body()
                gateway.check_signature(header, token.encode())
                result = gateway.commit(token, json.loads(body))
                if self.cut("cut_commits"):
                    raise _Cut
                return result
            case ("DELETE", "leases", token):
                gateway.check_signature(header, token.encode())
                return gateway.drop(token)
            case ("PATCH", "leases", token):
                gateway.check_signature(header, token.encode())
                return gateway.renew(token)
            case _:
                raise Refusal(f"no such request: {self.command} {self.path}")

    def cut(self, kind: str) -> bool:
        left: int = getattr(self.gateway.trouble, kind)
        setattr(self.gateway.trouble, kind, max(left - 1, 0))
        return left > 0

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
