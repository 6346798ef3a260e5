# SPDX-License-Identifier: BSD-3-Clause
"""A real container registry on this machine (Debian's docker-registry), open, with a password, or
with tokens that a server beside it gives.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from core import process
from tests.images import MadeImage, sha256

USER, PASSWORD = "alice", "looking glass"
_HASH = "$2b$05$AvxeGWKFomb4O5fDOp/9n.6gt/zeCrXErhOmg5CYbFC63AzN7QJ4e"  # bcrypt of it
_SERVICE = "registry under test"


@dataclass
class LocalRegistry:
    """A registry: its host with the port, and where it stores."""

    host: str
    storage: Path
    authorization: Callable[[str], dict[str, str]]

    def push(self, name: str, image: MadeImage) -> None:
        """Put an image into a repository, as any client does."""
        for content in image.blobs.values():
            self.push_blob(name, content)
        self.push_manifest(name, image.manifest, image.media_type)

    def push_blob(self, name: str, content: bytes) -> None:
        headers = self.authorization(name)
        begun = requests.post(f"{self._url(name)}/blobs/uploads/", headers=headers, timeout=20)
        begun.raise_for_status()
        requests.put(
            begun.headers["Location"],
            params={"digest": f"sha256:{sha256(content)}"},
            data=content,
            headers={**headers, "Content-Type": "application/octet-stream"},
            timeout=60,
        ).raise_for_status()

    def push_manifest(self, name: str, manifest: bytes, media_type: str) -> None:
        requests.put(
            f"{self._url(name)}/manifests/sha256:{sha256(manifest)}",
            data=manifest,
            headers={**self.authorization(name), "Content-Type": media_type},
            timeout=20,
        ).raise_for_status()

    def stored(self, digest: str) -> Path:
        """Return the file in which the registry keeps a blob."""
        return self.storage / f"docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data"

    def _url(self, name: str) -> str:
        return f"http://{self.host}/v2/{name}"


@dataclass
class Tokens:
    """A server of tokens: it knows one user, and remembers who asked for what."""

    realm: str
    certificate: Path
    give: Callable[[str, list[str]], str]
    asked: list[tuple[str | None, str]] = field(default_factory=list)


@contextlib.contextmanager
def registry(
    folder: Path, *, has_password: bool = False, tokens: Tokens | None = None
) -> Iterator[LocalRegistry]:
    """Run a registry for the time of the block."""
    port = _free_port()
    storage = folder / "storage"
    config: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if has_password:
        (folder / "htpasswd").write_text(f"{USER}:{_HASH}\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    if tokens is not None:
        config["auth"] = {
            "token": {
                "realm": tokens.realm,
                "service": _SERVICE,
                "issuer": "tests",
                "rootcertbundle": str(tokens.certificate),
            }
        }
    file = folder / "registry.yml"
    file.write_text(json.dumps(config))  # which is YAML

    def authorization(name: str) -> dict[str, str]:
        if tokens is not None:
            return {"Authorization": f"Bearer {tokens.give(name, ['pull', 'push'])}"}
        if has_password:
            pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    running = process.start(["docker-registry", "serve", file], reason="run a registry")
    try:
        _wait_for(port)
        yield LocalRegistry(f"127.0.0.1:{port}", storage, authorization)
    finally:
        process.stop(running)


@contextlib.contextmanager
def token_server(folder: Path) -> Iterator[Tokens]:
    """Run a server that gives tokens for the time of the block: to `USER`, and to nobody."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _certificate(key)
    bundle = folder / "tokens.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def give(name: str, actions: list[str]) -> str:
        return _token(key, certificate, name, actions)

    class Handler(_TokenHandler):
        tokens = Tokens("", bundle, give)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        Handler.tokens.realm = f"http://127.0.0.1:{http.server_address[1]}/token"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Handler.tokens
        finally:
            http.shutdown()
            thread.join()


class _TokenHandler(BaseHTTPRequestHandler):
    """Gives a token for `public/…` to everybody, for the rest to the user with the password."""

    tokens: Tokens

    def do_GET(self) -> None:
        scope = parse_qs(urlsplit(self.path).query)["scope"][0]
        _, name, _ = scope.split(":")
        header = self.headers.get("Authorization", "")
        pair = base64.b64decode(header.removeprefix("Basic ")).decode() if header else ""
        self.tokens.asked.append((pair.partition(":")[0] or None, scope))
        allowed = name.startswith("public/") if not pair else pair == f"{USER}:{PASSWORD}"
        if pair and not allowed:
            self.send_error(401)
            return
        token = self.tokens.give(name, ["pull"] if allowed else [])
        body = json.dumps({"token": token, "expires_in": 60}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing."""


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens under test")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _token(
    key: rsa.RSAPrivateKey, certificate: x509.Certificate, name: str, actions: list[str]
) -> str:
    """Return a token as the registry's "Token Authentication Implementation" wants it."""
    now = int(time.time())
    header = {
        "typ": "JWT",
        "alg": "RS256",
        "x5c": [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()],
    }
    access = [{"type": "repository", "name": name, "actions": actions}] if actions else []
    claims = {
        "iss": "tests", "sub": "", "aud": _SERVICE, "exp": now + 60, "nbf": now - 60, "iat": now,
        "jti": str(now), "access": access,
    }  # fmt: skip
    signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError("the registry does not answer")
