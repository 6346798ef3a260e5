# SPDX-License-Identifier: BSD-3-Clause
"""An OIDC issuer on a real socket, whose keys, tokens and faults a test chooses.

It shows a discovery document and its keys, as GitLab and the AAIs do, and signs tokens of any shape:

    with oidc_issuer() as issuer:
        token = issuer.token(aud="pansoft", project_path="pan/recipes")
        issuer.rotate()                       # another key; tokens by the old one are still made
        issuer.answers[JWKS] = Answer(body=b"x" * 10**6)

Nothing of it checks anything, so it signs what no honest issuer would.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/oauth/discovery/keys"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When tokens are made unless a test says otherwise."""
LIFE_S = 3600

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A key pair of an issuer."""

    kid: str
    algorithm: str
    private: PrivateKey

    def jwk(self) -> dict[str, Any]:
        """Return the public half as a member of a key set."""
        return {"kid": self.kid, "use": "sig", "alg": self.algorithm, **_public(self.private)}

    def pem(self) -> bytes:
        """Return the public half as text, which an attacker may take for a shared secret."""
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def new_key(kid: str, algorithm: str = "ES256") -> IssuerKey:
    """Return a key pair; the one of RSA is made once, for it takes its time."""
    match algorithm:
        case "ES256":
            return IssuerKey(kid, algorithm, ec.generate_private_key(ec.SECP256R1()))
        case "EdDSA":
            return IssuerKey(kid, algorithm, ed25519.Ed25519PrivateKey.generate())
        case _:
            return IssuerKey(kid, algorithm, rsa_key(2048))


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """Return the one RSA key of this length."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _public(private: PrivateKey) -> dict[str, Any]:
    match private:
        case rsa.RSAPrivateKey():
            text = RSAAlgorithm.to_jwk(private.public_key())
        case ec.EllipticCurvePrivateKey():
            text = ECAlgorithm.to_jwk(private.public_key())
        case _:
            text = OKPAlgorithm.to_jwk(private.public_key())
    kept: dict[str, Any] = json.loads(text)
    kept.pop("key_ops", None)
    return kept


def sign(claims: Mapping[str, Any], key: IssuerKey, **header: Any) -> str:
    """Return a token with these claims and no others."""
    return jwt.encode(
        dict(claims), key.private, algorithm=key.algorithm, headers={"kid": key.kid, **header}
    )


def forge(claims: Mapping[str, Any], header: Mapping[str, Any], signature: bytes = b"") -> str:
    """Return a token put together by hand."""
    parts = [json.dumps(dict(part)).encode() for part in (header, claims)]
    return ".".join(_base64(part) for part in (*parts, signature))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent in place of the honest answer to a request of one path."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    pause_s: float = 0.0
    """Between the bytes of the body."""
    promised: int | None = None
    """The length that is promised, where it is not that of the body."""


@dataclass
class OidcIssuer:
    """An issuer, its keys in the order in which they came, and what it was asked for."""

    url: str = ""
    keys: list[IssuerKey] = field(default_factory=lambda: [new_key("first")])
    max_age_s: int | None = 600
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    @property
    def key(self) -> IssuerKey:
        """Return the key that it signs with."""
        return self.keys[-1]

    def rotate(self, kid: str, algorithm: str = "ES256") -> IssuerKey:
        """Take another key in place of all there were; return the one that was used last."""
        last = self.key
        self.keys[:] = [new_key(kid, algorithm)]
        return last

    def claims(self, *, at: datetime = NOON, **more: Any) -> dict[str, Any]:
        """Return what an honest token says; None takes a claim out."""
        now = int(at.timestamp())
        plain = {
            "iss": self.url,
            "sub": "project_path:pan/recipes:ref_type:branch:ref:main",
            "aud": "pansoft",
            "iat": now,
            "nbf": now - 5,
            "exp": now + LIFE_S,
            "jti": "235b3a54",
        }
        return {name: value for name, value in (plain | more).items() if value is not None}

    def token(self, *, at: datetime = NOON, key: IssuerKey | None = None, **more: Any) -> str:
        """Return a signed token."""
        return sign(self.claims(at=at, **more), key or self.key)

    def gitlab(self, *, at: datetime = NOON, key: IssuerKey | None = None, **more: Any) -> str:
        """Return a token as GitLab gives it to a job on a protected branch."""
        plain: dict[str, Any] = {
            "namespace_path": "pan",
            "project_id": "20",
            "project_path": "pan/recipes",
            "user_id": "1",
            "user_login": "ada",
            "pipeline_id": "574",
            "pipeline_source": "push",
            "job_id": "302",
            "ref": "main",
            "ref_type": "branch",
            "ref_path": "refs/heads/main",
            "ref_protected": "true",
            "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        }
        return self.token(at=at, key=key, **(plain | more))

    def jwks(self) -> bytes:
        """Return the key set that it shows."""
        return json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()

    def answer(self, path: str) -> Answer:
        """Return what is sent for a path."""
        if path in self.answers:
            return self.answers[path]
        age = {} if self.max_age_s is None else {"Cache-Control": f"max-age={self.max_age_s}"}
        match path:
            case "/.well-known/openid-configuration":
                body = {"issuer": self.url, "jwks_uri": f"{self.url}{JWKS}"}
                return Answer(body=json.dumps(body).encode())
            case "/oauth/discovery/keys":
                return Answer(body=self.jwks(), headers=age)
            case _:
                return Answer(404)


@contextlib.contextmanager
def oidc_issuer() -> Iterator[OidcIssuer]:
    """Run an issuer on a free port of this machine for the time of the block."""
    issuer = OidcIssuer()

    class Handler(_Handler):
        served = issuer

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        issuer.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers as its issuer says."""

    served: OidcIssuer

    def do_GET(self) -> None:
        self.served.requests.append(self.path)
        if login := self.headers.get("Authorization"):
            self.served.logins.append(login)
        answer = self.served.answer(self.path)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.promised is None else answer.promised
        self.send_header("Content-Length", str(length))
        self.end_headers()
        with contextlib.suppress(OSError):  # a client that has heard enough
            if not answer.pause_s:
                self.wfile.write(answer.body)
            for byte in answer.body if answer.pause_s else b"":
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(answer.pause_s)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
