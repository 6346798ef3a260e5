# SPDX-License-Identifier: BSD-3-Clause
"""A client of container registries: manifests and blobs by digest, every byte verified by it.

The protocol is that of the OCI distribution specification 1.1 ("Pull"); logging in is that of the
distribution project ("Token Authentication Specification"): the registry answers 401 and says who
gives tokens, that one gives a token for a login or for nobody, and the request is made again.
HTTP without TLS is spoken with this machine only, so no login and no token leaves it in the clear.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import requests.auth
import urllib3

from builder.inputs import oci
from builder.inputs.credentials import Login
from builder.inputs.oci import ImageBlob
from core.errors import UserError

_TIMEOUT_S = (20, 120)
_BLOCK = 1 << 16
_MANIFEST_BYTES = 4 << 20  # what registries must take at least, by the specification
_TOKEN_BYTES = 1 << 20
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Registry:
    """One repository of a registry. Used by several threads: each has its own connection."""

    def __init__(self, host: str, name: str, *, login: Login | None) -> None:
        self.host = host
        self.name = name
        self._access = _Access(host, name, login)
        self._local = threading.local()

    def manifest(self, sha256: str) -> bytes:
        """Return a manifest or an index.

        Raises:
            UserError: the registry does not have it, does not give it, or gives another one.
        """
        what = f"the image {self.name}"
        headers = {"Accept": ", ".join(oci.MANIFESTS)}
        content = self._small(f"manifests/sha256:{sha256}", what=what, headers=headers)
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise UserError(
                f"{self.host} serves another manifest of {self.name} than was asked for: "
                f"expected sha256 {sha256}, got {found}",
                hint="the registry, or something between, is broken or lies",
            )
        return content

    def download(self, blob: ImageBlob, part: Path, *, what: str) -> None:
        """Download a blob to `part`, going on where it was cut; the caller verifies it.

        Raises:
            UserError: the registry does not have it, or does not give it.
        """
        while True:
            before = _size(part)
            if before >= blob.size:
                return  # all of it is here; the hash decides
            try:
                self._transfer(blob, part, what=what)
            except requests.RequestException as err:
                if _size(part) <= before:  # this try brought nothing; the next would not either
                    raise self._interrupted(what, err) from err
            else:
                return

    def _small(self, path: str, *, what: str, headers: Mapping[str, str]) -> bytes:
        try:
            with self._get(path, what=what, headers=headers) as response:
                return _at_most(response, _MANIFEST_BYTES)
        except requests.RequestException as err:
            raise self._interrupted(what, err) from err

    def _transfer(self, blob: ImageBlob, part: Path, *, what: str) -> None:
        have = _size(part)
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._get(f"blobs/sha256:{blob.sha256}", what=what, headers=headers) as response:
            resumed = response.status_code == requests.codes.partial_content
            with part.open("ab" if resumed else "wb") as stream:
                for block in response.iter_content(_BLOCK):
                    stream.write(block)
                    if stream.tell() > blob.size:  # never what was asked for; do not fill the disk
                        break

    def _get(
        self, path: str, *, what: str, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Return the answer to a request below this repository, its content still to be read."""
        scheme = "http" if is_this_machine(self.host) else "https"
        response = self._session().get(
            f"{scheme}://{self.host}/v2/{self.name}/{path}",
            # the bytes as they are: a hash waits for them
            headers={"Accept-Encoding": "identity", **(headers or {})},
            auth=self._access,
            stream=True,
            timeout=_TIMEOUT_S,
        )
        if response.ok:
            return response
        response.close()
        raise self._refused(response.status_code, what)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _session()
            self._local.session = session
        return session

    def _refused(self, status: int, what: str) -> UserError:
        if status in (requests.codes.unauthorized, requests.codes.forbidden):
            known = self._access.login is not None
            return UserError(
                f"{self.host} does not give {what}"
                + (" to this user" if known else " to whom it does not know"),
                hint="ask who looks after it for access"
                if known
                else f"log in: docker login {self.host}, or apptainer registry login "
                f"docker://{self.host}",
            )
        if status in (requests.codes.not_found, requests.codes.gone):
            return UserError(
                f"{self.host} does not have {what}",
                hint="images that no tag names are removed by some registries; name another digest, "
                "or keep the image in a registry of your own",
            )
        return UserError(
            f"{self.host} answers {status} when asked for {what}", hint="try again later"
        )

    def _interrupted(self, what: str, err: requests.RequestException) -> UserError:
        """Return what went wrong, without the exception's text: an address may hold a signature."""
        if isinstance(err, _NotInTheClear):
            return UserError(
                f"{self.host} sends us to an address without TLS for {what}",
                hint="only registries on this machine may do without",
            )
        return UserError(
            f"{what} could not be downloaded from {self.host} ({type(err).__name__})",
            hint="check the network and the proxy settings, then run it again: "
            "it goes on where it was",
        )


def is_this_machine(host: str) -> bool:
    """Return whether a host, with or without a port, is the loopback interface."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


class _Access(requests.auth.AuthBase):
    """Gets a token when the registry asks for one, and shows it to that registry alone."""

    def __init__(self, host: str, name: str, login: Login | None) -> None:
        self.host = host
        self.name = name
        self.login = login
        self._authorization: str | None = None
        self._lock = threading.Lock()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._authorization is not None:
            request.headers["Authorization"] = self._authorization
        request.register_hook("response", self._answer)  # type: ignore[no-untyped-call]
        return request

    def _answer(self, response: requests.Response, **how: Any) -> requests.Response:
        """Make a request again that was answered with 401, once, with what the answer asks for."""
        asked_by = urlsplit(response.url).netloc
        shown = response.request.headers.get("Authorization")
        if response.status_code != requests.codes.unauthorized or asked_by != self.host:
            return response
        with self._lock:  # of many threads one gets the token
            if shown == self._authorization:
                self._authorization = self._authorized(response)
            authorization = self._authorization
        if authorization is None or authorization == shown:
            return response
        _ = response.content  # read to its end, so that the connection can be used again
        response.close()
        again = response.request.copy()
        again.headers["Authorization"] = authorization
        answered: requests.Response = response.connection.send(again, **how)
        answered.history.append(response)
        answered.request = again
        return answered

    def _authorized(self, response: requests.Response) -> str | None:
        """Return what to show, or None where the registry asks for what we do not have."""
        scheme, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        parameters = dict(_PARAMETER.findall(rest))
        if scheme.lower() == "basic" and self.login is not None:
            pair = f"{self.login.user}:{self.login.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        if scheme.lower() != "bearer" or "realm" not in parameters:
            return None
        asked = {"scope": parameters.get("scope", f"repository:{self.name}:pull")}
        if "service" in parameters:
            asked["service"] = parameters["service"]
        auth = (self.login.user, self.login.password) if self.login is not None else None
        with (
            _session() as session,
            session.get(
                parameters["realm"], params=asked, auth=auth, timeout=_TIMEOUT_S, stream=True
            ) as answer,
        ):
            if not answer.ok:
                return None
            try:
                data = json.loads(_at_most(answer, _TOKEN_BYTES))
                token = data.get("token") or data.get("access_token")
            except (ValueError, AttributeError):
                return None
        return f"Bearer {token}" if isinstance(token, str) and token else None


class _NotInTheClear(requests.RequestException):
    """A request without TLS, to another machine."""


class _ThisMachineOnly(requests.adapters.HTTPAdapter):
    """Speaks HTTP without TLS with this machine, and with no other."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """Send a request.

        Raises:
            _NotInTheClear: it goes to another machine.
        """
        if not is_this_machine(urlsplit(request.url or "").netloc.rpartition("@")[2]):
            raise _NotInTheClear("no TLS", request=request)
        return super().send(request, *args, **more)


def _session() -> requests.Session:
    session = requests.Session()
    retries = urllib3.Retry(total=5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    session.mount("http://", _ThisMachineOnly(max_retries=retries))
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=retries))
    return session


def _at_most(response: requests.Response, limit: int) -> bytes:
    """Return the content of a response, or its beginning where it is longer than it should be."""
    content = b""
    for block in response.iter_content(_BLOCK):
        content += block
        if len(content) > limit:
            break
    return content


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0
