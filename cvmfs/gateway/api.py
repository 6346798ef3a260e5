# SPDX-License-Identifier: BSD-3-Clause
"""The HTTP interface of a gateway, version 2: leases, payloads, commits (gateway/internal/gateway/frontend).

Every request but the looking ones is signed: `Authorization: NAME base64(hex(HMAC-SHA1(secret, what)))`,
where `what` is the body of a request for a lease, the message before the pack of a payload, and the token
of a lease for what is done with it. Answers are JSON with a `status`; a refusal is 200 with `error` and a
`reason`. This module is the one that knows `requests` in this package.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import requests.auth

from core.errors import Busy
from cvmfs.errors import RepositoryError, Unreachable
from cvmfs.gateway.key import GatewayKey
from cvmfs.gateway.object_pack import ObjectPack

log = logging.getLogger(__name__)

API_VERSION = 2
ATTEMPTS = 4
_TIMEOUT_S = (20.0, 300.0)
_COMMIT_TIMEOUT_S = (20.0, 6 * 3600.0)  # the receiver merges catalogs before it answers
_PAUSE_S = 0.5
_SHOWN = 120
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_LOST = ("invalid lease", "invalid_token", "lease expired", "lease_expired", "expired_token")


class GatewayRefused(RepositoryError):
    """The gateway does not do what it was asked for; the message says why."""


class LeaseLost(GatewayRefused):
    """The lease has expired or was taken away; nothing was published with it."""


class LeaseBusy(Busy):
    """Another publisher holds a lease of the path, for `remaining_s` seconds at most."""

    def __init__(self, message: str, *, remaining_s: float) -> None:
        super().__init__(
            message, hint="wait for the other publisher, or publish below another path"
        )
        self.remaining_s = remaining_s


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to publish at a path (`<fqrn>/<path>`) until it expires; the token is a secret."""

    path: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it is sent: `signed` is what the signature is made over."""

    method: str
    url: str
    body: bytes
    signed: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Gateway:
    """A gateway at an address like `http://gateway.example.org:4929/api/v1`. Used from several threads."""

    def __init__(
        self, url: str, key: GatewayKey, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RepositoryError(
                f"{url!r} is not the address of a gateway",
                hint="it is like http://gateway.example.org:4929/api/v1",
            )
        self.url = url.rstrip("/")
        self._key = key
        self._sleep = sleep
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "pansoft"

    def acquire(self, path: str, *, hostname: str) -> Lease:
        """Return a new lease of a path.

        Raises:
            LeaseBusy: somebody else has one of it, of a part of it, or of what it is in.
            GatewayRefused: the key may not, or the gateway speaks an older version.
            Unreachable: no answer, or not one of a gateway.
        """
        answer = self._send(lease_request(self.url, path, hostname=hostname))
        if answer.get("status") == "path_busy":
            remaining = str(answer.get("time_remaining", ""))
            raise LeaseBusy(
                f"another publisher has leased {path}, for {remaining or 'a time'} at most",
                remaining_s=seconds_of(remaining),
            )
        self._expect_ok(answer, f"lease {path}")
        token, version = answer.get("session_token"), answer.get("max_api_version")
        if not isinstance(token, str) or not token:
            raise Unreachable(f"the gateway {self.url} gave a lease of {path} without a token")
        lease = Lease(path, token)
        if not isinstance(version, int) or version < API_VERSION:
            self.drop(lease)
            raise GatewayRefused(
                f"the gateway {self.url} speaks version {version} of its interface, "
                f"{API_VERSION} is needed",
                hint="it has to be of CVMFS 2.7 or later",
            )
        return lease

    def submit(self, lease: Lease, pack: ObjectPack) -> None:
        """Send a pack; the same object may be sent twice, so a broken request is made again.

        Raises:
            LeaseLost: the lease is no more.
            GatewayRefused: an object has another hash than its name, or could not be stored.
            Unreachable: no answer after several attempts.
        """
        what = f"take {len(pack)} objects"
        self._expect_ok(self._send(payload_request(self.url, lease, pack), ATTEMPTS), what)

    def renew(self, lease: Lease) -> bool:
        """Give a lease its full time again; return whether the gateway can do that.

        Raises:
            LeaseLost: the lease is no more.
        """
        request = self._of_lease("PATCH", lease)
        with self._response(request) as response:
            if response.status_code in (
                requests.codes.not_found,
                requests.codes.method_not_allowed,
            ):
                return False  # before CVMFS 2.13 a lease has its time and that is it
            self._expect_ok(self._parsed(response), f"renew the lease of {lease.path}")
        return True

    def commit(self, lease: Lease, *, old: str, new: str, tag: str, message: str) -> int:
        """Have the gateway publish what the catalog `new` changes of `old`, and return the revision.

        The lease is gone afterwards. Not made again when it breaks: it may have been done.

        Raises:
            LeaseLost: the lease is no more, nothing was published.
            GatewayRefused: the changes cannot be merged, nothing was published.
            Unreachable: no answer; it is not known whether it was done.
        """
        body = commit_body(old=old, new=new, tag=tag, message=message)
        request = self._of_lease("POST", lease, body)
        answer = self._send(request, timeout_s=_COMMIT_TIMEOUT_S)
        self._expect_ok(answer, f"publish below {lease.path}")
        revision = answer.get("final_revision", 0)
        return revision if isinstance(revision, int) else 0

    def drop(self, lease: Lease) -> None:
        """Give a lease back, and with it all that was not committed.

        Raises:
            LeaseLost: it is no more.
        """
        answer = self._send(self._of_lease("DELETE", lease))
        self._expect_ok(answer, f"take back the lease of {lease.path}")

    def close(self) -> None:
        """Let go of connections; the gateway may be used again."""
        self._session.close()

    # -- requests and answers

    def _of_lease(self, method: str, lease: Lease, body: bytes = b"") -> Request:
        url = f"{self.url}/leases/{quote(lease.token, safe='-_.~=')}"
        return Request(method, url, body, lease.token.encode())

    def _send(
        self,
        request: Request,
        attempts: int = 1,
        *,
        timeout_s: tuple[float, float] = _TIMEOUT_S,
    ) -> dict[str, Any]:
        """Make a request up to some times and return what the answer says."""
        for attempt in range(1, attempts + 1):
            try:
                with self._response(request, timeout_s=timeout_s) as response:
                    return self._parsed(response)
            except Unreachable as err:
                if attempt == attempts:
                    raise
                log.info("%s; trying again", err.message)
                self._sleep(_PAUSE_S * 2 ** (attempt - 1))
        raise AssertionError("at least one attempt is made")

    def _response(
        self, request: Request, *, timeout_s: tuple[float, float] = _TIMEOUT_S
    ) -> requests.Response:
        log.debug("%s %s (%d bytes)", request.method, self._shown(request), len(request.body))
        try:
            return self._session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=dict(request.headers),
                auth=_Signature(self._key, request.signed),
                timeout=timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as err:
            # without the exception's text: an address may hold the token of a lease
            raise Unreachable(
                f"the gateway {self.url} does not answer ({type(err).__name__})",
                hint="is it running, and may this machine reach it?",
            ) from err

    def _parsed(self, response: requests.Response) -> dict[str, Any]:
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            shown = " ".join(response.text.split())[:_SHOWN]
            raise Unreachable(
                f"{self.url} answered {response.status_code} {response.reason} and "
                f"not JSON as a gateway does: {shown!r}",
                hint="the address ends in /api/v1 and leads to the gateway itself",
            )
        return answer

    def _expect_ok(self, answer: Mapping[str, Any], what: str) -> None:
        if answer.get("status") == "ok":
            return
        reason = str(answer.get("reason") or answer.get("status") or "no reason")
        if any(text in reason for text in _LOST):
            raise LeaseLost(
                f"the gateway did not {what}: the lease is no more ({reason})",
                hint="nothing was published; publish again, it may have taken longer than leases last",
            )
        raise GatewayRefused(f"the gateway did not {what}: {reason}", hint=_mend(reason, self._key))

    def _shown(self, request: Request) -> str:
        head, separator, _ = request.url.partition("/leases/")
        return f"{head}{separator}{'TOKEN' if separator else ''}"


class _Signature(requests.auth.AuthBase):
    """Signs a request; as `auth`, so that no login of a .netrc takes its place."""

    def __init__(self, key: GatewayKey, signed: bytes) -> None:
        self._value = authorization(key, signed)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


def authorization(key: GatewayKey, signed: bytes) -> str:
    """Return the header's value: the base64 is of the hex digits, not of the digest."""
    digits = hmac.new(key.secret.encode(), signed, hashlib.sha1).hexdigest()
    return f"{key.name} {base64.b64encode(digits.encode()).decode()}"


def lease_request(url: str, path: str, *, hostname: str) -> Request:
    """Return the request for a lease; all values are text, as the genuine publisher has them."""
    body = json.dumps(
        {"path": path, "api_version": str(API_VERSION), "hostname": hostname}
    ).encode()
    return Request("POST", f"{url}/leases", body, body)


def payload_request(url: str, lease: Lease, pack: ObjectPack) -> Request:
    """Return the request that sends a pack: a message, the pack's header, the objects."""
    header = pack.header()
    message = json.dumps(
        {
            "session_token": lease.token,
            "payload_digest": pack.digest(),
            "header_size": str(len(header)),
            "api_version": str(API_VERSION),
        }
    ).encode()
    body = b"".join((message, header, *pack.contents()))
    return Request("POST", f"{url}/payloads", body, message, {"Message-Size": str(len(message))})


def commit_body(*, old: str, new: str, tag: str, message: str) -> bytes:
    """Return what a commit says; `old` and `new` are hashes of root catalogs with their suffix."""
    return json.dumps(
        {
            "old_root_hash": old,
            "new_root_hash": new,
            "tag_name": tag,
            "tag_channel": "0",
            "tag_description": message,
        }
    ).encode()


def seconds_of(duration: str) -> float:
    """Return the seconds of a duration as Go prints it, `1m23.5s`; 0 for what is none."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(duration))


def _mend(reason: str, key: GatewayKey) -> str | None:
    """Return what a person can do about a refusal."""
    hints = {
        "invalid_hmac": f"the secret of the key {key.name} is another one at the gateway, or the key "
        "is not known there: ask who runs it",
        "invalid_path": f"the key {key.name} may publish below another path only: set it as the "
        "lease, or ask who runs the gateway",
        "invalid_key": f"the key {key.name} is not for this repository: ask who runs the gateway",
        "invalid_repo": "the gateway does not know this repository: is the name right?",
        "repository not found": "the gateway does not know this repository: is the name right?",
        "repo_disabled": "the gateway's administrator has closed the repository for now",
        "incompatible request version": "the gateway is newer than this program: update pansoft",
        "merge_error": "nothing was published; the gateway's log says what could not be merged",
        "missing_reflog": "nothing was published; the repository at the gateway has to be repaired",
    }
    return next((hint for text, hint in hints.items() if text in reason), None)
