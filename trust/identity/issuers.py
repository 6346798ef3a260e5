# SPDX-License-Identifier: BSD-3-Clause
"""The keys of an issuer, from where it publishes them: OpenID Connect Discovery, then its JWKS.

- HTTPS only; HTTP to this machine itself, for tests
- the discovery document names the very issuer that was asked, or is refused
- an answer has 256 KiB and ten seconds; a redirect is followed on the same host only
- keys are kept in the run state for their max-age (at most a day), and not a second longer: an
  issuer that cannot be asked then is a no
- a token by a key that is not among them has the issuer asked once more, for it may have rotated its
  keys; but not more than once a minute, so that made-up tokens do not hammer it
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3

from core.canonical import readable_json
from core.errors import Refused, UserError
from core.files import exclusive_lock, write_atomic
from trust.codec import Undecodable, from_json, to_json
from trust.identity import addresses, keysets
from trust.identity.keysets import KeySet

WELL_KNOWN = "/.well-known/openid-configuration"
MOST_BYTES = 256 * 1024
TIMEOUT_S = 10.0
LONGEST_KEPT = timedelta(days=1)
KEPT_UNSAID = timedelta(minutes=5)
"""How long keys are kept whose issuer says nothing of it."""
LEAST_PAUSE = timedelta(minutes=1)
"""Between two requests for keys because of a `kid` that nobody knows."""
_REDIRECTS = 3
_CACHE_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """Keys of an issuer as they were fetched; `keys` is their JSON."""

    issuer: str
    fetched: datetime
    max_age_s: int
    keys: str

    def is_fresh(self, at: datetime) -> bool:
        """Return whether the issuer lets them be used still; a clock put back makes them stale."""
        return self.fetched <= at < self.fetched + timedelta(seconds=self.max_age_s)


def keys_of(issuer: str, *, kid: str | None, cache: Path, at: datetime) -> KeySet:
    """Return the keys of an issuer, kept ones as long as they are fresh.

    Args:
        issuer: its address, as its tokens name it.
        kid: the key that is looked for; a kept set without it is fetched once more.
        cache: a file of the run state; written by this function only.
        at: now.

    Raises:
        Refused: the issuer cannot be asked, or what it says cannot be believed.
    """
    with exclusive_lock(cache.with_suffix(".lock"), purpose=f"ask {issuer} for keys", wait=True):
        kept = _read(cache, issuer)
        if kept is not None and kept.is_fresh(at):
            keys = keysets.parse(kept.keys.encode(), what=f"{cache}")
            if kid is None or keys.key(kid) or at - kept.fetched < LEAST_PAUSE:
                return keys
        fresh = fetch(issuer, at=at)
        write_atomic(cache, _text(fresh), mode=0o600)
    return keysets.parse(fresh.keys.encode(), what=f"what {issuer} publishes")


def fetch(issuer: str, *, at: datetime) -> Kept:
    """Return the keys that an issuer publishes now.

    Raises:
        Refused: it cannot be asked, or what it says cannot be believed.
    """
    _check(addresses.wrong_issuer(issuer), issuer, issuer)
    document, _ = _get(issuer.rstrip("/") + WELL_KNOWN, issuer)
    address = _jwks_uri(document, issuer)
    _check(addresses.wrong_keys(address, issuer=issuer), address, issuer)
    content, headers = _get(address, issuer)
    keysets.parse(content, what=f"what {issuer} publishes")
    age = min(_max_age(headers), LONGEST_KEPT)
    return Kept(issuer, at, int(age.total_seconds()), content.decode("utf-8"))


def _jwks_uri(document: bytes, issuer: str) -> str:
    try:
        found: Any = json.loads(document)  # Any: somebody else's JSON, looked at just below
        named, address = found["issuer"], found["jwks_uri"]
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise Refused(f"{issuer}{WELL_KNOWN} is not a discovery document") from err
    if named != issuer:
        raise Refused(
            f"{issuer} says that it is the issuer {str(named)[:200]!r}",
            hint="write the issuer's `url` in the policy as its tokens do, to the letter",
        )
    if not isinstance(address, str):
        raise Refused(f"{issuer}{WELL_KNOWN} does not say where its keys are (jwks_uri)")
    return address


def _check(wrong: str | None, address: str, issuer: str) -> None:
    if wrong:
        raise Refused(f"the keys of {issuer} cannot be asked for at {address[:200]!r}: {wrong}")


def _get(address: str, issuer: str) -> tuple[bytes, requests.structures.CaseInsensitiveDict[str]]:
    """Return the answer to a request and its headers, within size and time."""
    ends = time.monotonic() + TIMEOUT_S
    with requests.Session() as session:
        session.auth = _no_login
        session.trust_env = not addresses.is_here(address)
        for _ in range(_REDIRECTS + 1):
            try:
                with session.get(
                    address,
                    allow_redirects=False,
                    stream=True,
                    timeout=TIMEOUT_S / 2,
                    headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                ) as answer:
                    if not answer.is_redirect:
                        return _body(answer, issuer, ends=ends), answer.headers
                    address = _same_host(address, answer.headers["Location"], issuer)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as err:
                raise Refused(
                    f"{issuer} cannot be asked for its keys: {type(err).__name__}",
                    hint="is it reachable from here? without its keys no token of it counts",
                ) from err
    raise Refused(f"{issuer} sends us from one address to the next")


def _body(answer: requests.Response, issuer: str, *, ends: float) -> bytes:
    if answer.status_code != requests.codes.ok:
        raise Refused(f"{issuer} answers {answer.status_code} where it should show its keys")
    content = b""
    while block := answer.raw.read1(1 << 16):
        content += block
        if len(content) > MOST_BYTES:
            raise Refused(f"{issuer} answers with more than {MOST_BYTES // 1024} KiB")
        if time.monotonic() > ends:
            raise Refused(f"{issuer} takes longer than {TIMEOUT_S:.0f} s to show its keys")
    return content


def _same_host(address: str, to: str, issuer: str) -> str:
    target = urljoin(address, to)
    if not addresses.is_same_origin(address, target):
        raise Refused(f"{issuer} sends us to another host for its keys, {target[:200]!r}")
    return target


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Send no login: requests would take one for the host from ~/.netrc."""
    return request


def _max_age(headers: requests.structures.CaseInsensitiveDict[str]) -> timedelta:
    said = headers.get("Cache-Control", "")
    if re.search(r"\bno-(store|cache)\b", said):
        return timedelta()
    found = re.search(r"\bmax-age=([0-9]{1,9})\b", said)
    return timedelta(seconds=int(found[1])) if found else KEPT_UNSAID


def _read(cache: Path, issuer: str) -> Kept | None:
    """Return what is kept of this issuer; a file that is no such thing is as good as none."""
    try:
        data = json.loads(cache.read_bytes())
        if data.pop("schema") != _CACHE_SCHEMA:
            return None
        kept = from_json(Kept, data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Undecodable):
        return None
    return kept if kept.issuer == issuer else None


def _text(kept: Kept) -> str:
    data = to_json(kept)
    if not isinstance(data, dict):  # pragma: no cover - a dataclass is a mapping in JSON
        raise UserError("the keys cannot be kept")
    return readable_json({"schema": _CACHE_SCHEMA, **data})
