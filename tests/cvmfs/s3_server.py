# SPDX-License-Identifier: BSD-3-Clause
"""A real S3 server for tests (moto's, over HTTP), with faults that can be switched on.

Requests are taken one at a time, so that a conditional write is one step as it is at a real server; a fault
is decided on before the server sees a request or after it has acted, when only the answer is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLEOFTESTS", "the/secret/of/the/tests+not/for/messages"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process the credentials of the server, and no others."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


Fault = Callable[["Request"], str | None]
"""Says what goes wrong with a request: `lost`, `500`, `503`, `403`, `unconditional`; None: nothing."""

_ERRORS = {
    "500": ("500 Internal Server Error", "InternalError"),
    "503": ("503 Slow Down", "SlowDown"),
    "403": ("403 Forbidden", "SignatureDoesNotMatch"),
    "501": ("501 Not Implemented", "NotImplemented"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a fault sees it."""

    number: int
    method: str
    key: str
    query: str
    is_conditional: bool


@dataclass
class S3Server:
    """A running server, what it was asked, and the fault that is on."""

    url: str
    requests: list[Request] = field(default_factory=list)
    fault: Fault | None = None
    acts_first: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def place(self, bucket: str = "software", prefix: str = "cvmfs/software.example.org") -> str:
        """Return the address of a place in a bucket."""
        return f"s3://{bucket}/{prefix}?endpoint={quote(self.url, safe='')}"

    def public(self, bucket: str = "software", prefix: str = "cvmfs/software.example.org") -> str:
        """Return where readers get the same by HTTP."""
        return f"{self.url}/{bucket}/{prefix}"

    @cached_property
    def client(self) -> Any:
        """Return a client of the tests' own."""
        session = boto3.session.Session(
            aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY
        )
        return session.client("s3", endpoint_url=self.url, region_name="us-east-1")

    def names(self, bucket: str = "software") -> list[str]:
        """Return what is in a bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def begin(self, bucket: str = "software") -> None:
        """Empty a bucket and forget what was asked."""
        for name in self.names(bucket):
            self.client.delete_object(Bucket=bucket, Key=name)
        self.requests.clear()

    @contextmanager
    def failing(self, fault: Fault, *, acts_first: bool = False) -> Iterator[None]:
        """Let requests go wrong for the time of the block."""
        self.fault, self.acts_first = fault, acts_first
        try:
            yield
        finally:
            self.fault = None


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server with the bucket `software`, which everybody may read."""
    application = _Application(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Handler)
    application.server = S3Server(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        application.server.client.create_bucket(Bucket="software", ACL="public-read")
        yield application.server
    finally:
        application.server.client.close()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


class _Application:
    """Hands requests to moto one at a time, but for those that a fault takes."""

    server: S3Server

    def __init__(self, moto: DomainDispatcherApplication) -> None:
        self._moto = moto

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        server = self.server
        length = int(environ.get("CONTENT_LENGTH") or 0)
        with server._lock:
            request = Request(
                len(server.requests) + 1,
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"].lstrip("/").partition("/")[2],
                environ.get("QUERY_STRING", ""),
                "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MATCH" in environ,
            )
            server.requests.append(request)
            what = server.fault(request) if server.fault is not None else None
            if what == "unconditional":
                environ.pop("HTTP_IF_NONE_MATCH", None)
                environ.pop("HTTP_IF_MATCH", None)
                what = None
            if what is None or server.acts_first:
                answer = list(self._moto(environ, start if what is None else _ignore))
            else:
                environ["wsgi.input"].read(length)
                answer = []
        if what is None:
            return answer
        if what == "lost":
            environ["werkzeug.socket"].shutdown(2)
            raise ConnectionResetError
        status, code = _ERRORS[what]
        body = f"<Error><Code>{code}</Code><Message>for the test</Message></Error>".encode()
        start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [b"" if request.method == "HEAD" else body]


def _ignore(*_: Any) -> Callable[[bytes], object]:
    return lambda _: None
