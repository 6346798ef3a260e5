# SPDX-License-Identifier: BSD-3-Clause
"""A client of container registries: manifests by digest, and sessions in which blobs are fetched.

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
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import requests.auth
import urllib3

from builder.inputs import oci
from builder.inputs.credentials import Login
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
        try:
            content = self._manifest(sha256)
        except requests.RequestException as err:
            # without the exception's text: an address may hold a signature
            raise UserError(
                f"{self.host} cannot be asked for the image {self.name} ({type(err).__name__})",
                hint="check the network and the proxy settings, then run it again",
            ) from err
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise UserError(
                f"{self.host} serves another manifest of {self.name} than was asked for: "
                f"expected sha256 {sha256}, got {found}",
                hint="the registry, or something between, is broken or lies",
            )
        return content

    def blob_address(self, sha256: str) -> str:
        """Return where a blob is, to be asked for in a `session` of this registry."""
        return self._address(f"blobs/sha256:{sha256}")

    def session(self) -> requests.Session:
        """Return this thread's session, which logs in where the registry asks for it.

        A request in it raises UserError where the registry does not give what it has.
        """
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _session()
            session.auth = self._access
            session.hooks["response"].append(self._explain_refusal)
            self._local.session = session
        return session

    def _manifest(self, sha256: str) -> bytes:
        with self.session().get(
            self._address(f"manifests/sha256:{sha256}"),
            headers={"Accept": ", ".join(oci.MANIFESTS), "Accept-Encoding": "identity"},
            stream=True,
            timeout=_TIMEOUT_S,
        ) as response:
            if response.status_code in (requests.codes.not_found, requests.codes.gone):
                raise UserError(
                    f"{self.host} does not have the image {self.name} with this digest",
                    hint="some registries remove images that no tag names; name another digest, or "
                    "keep the image in a registry of your own",
                )
            response.raise_for_status()
            return _at_most(response, _MANIFEST_BYTES)

    def _address(self, path: str) -> str:
        scheme = "http" if is_this_machine(self.host) else "https"
        return f"{scheme}://{self.host}/v2/{self.name}/{path}"

    def _explain_refusal(self, response: requests.Response, **how: Any) -> None:
        """Stop where the registry, asked again with all we have, does not give what it has."""
        del how
        refusals = (requests.codes.unauthorized, requests.codes.forbidden)
        if response.status_code not in refusals or urlsplit(response.url).netloc != self.host:
            return
        response.close()
        if self._access.login is not None:
            raise UserError(
                f"{self.host} does not give the image {self.name} to this user",
                hint="ask who looks after it for access",
            )
        raise UserError(
            f"{self.host} does not give the image {self.name} to whom it does not know",
            hint=f"log in: docker login {self.host}, or apptainer registry login "
            f"docker://{self.host}",
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


class _ThisMachineOnly(requests.adapters.HTTPAdapter):
    """Speaks HTTP without TLS with this machine, and with no other."""

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """Send a request.

        Raises:
            UserError: it goes to another machine.
        """
        host = urlsplit(request.url or "").hostname or ""
        if not is_this_machine(host):
            raise UserError(
                f"the registry sends us to {host} without TLS",
                hint="only registries on this machine may do without; ask who looks after it",
            )
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
