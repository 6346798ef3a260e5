# SPDX-License-Identifier: BSD-3-Clause
"""The JSON API of a Python index, in the form that PyPI documents, on a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from builder.inputs.python_advisories import PythonAdvisory, advisories
from builder.inputs.python_index import index_at
from tests.servers import FileServer, Status

PATH = "/pypi/foo-bar/1.0/json"
SAID: dict[str, Any] = {
    "aliases": ["CVE-2026-1"],
    "details": "A long  story.",
    "summary": None,
    "fixed_in": ["1.1", "0.9.5"],
    "id": "PYSEC-2026-1",
    "link": "https://osv.dev/vulnerability/PYSEC-2026-1",
    "source": "osv",
    "withdrawn": None,
}


def ask(server: FileServer) -> tuple[PythonAdvisory, ...] | None:
    return advisories(
        "Foo_Bar", "1.0", indexes=index_at(server.url("/simple")), session=requests.Session()
    )


def test_what_the_index_knows_is_told(server: FileServer) -> None:
    withdrawn = {**SAID, "id": "PYSEC-2", "withdrawn": "2026-01-01T00:00:00Z"}
    server.files[PATH] = json.dumps({"vulnerabilities": [SAID, withdrawn]}).encode()

    assert ask(server) == (
        PythonAdvisory(("PYSEC-2026-1", "CVE-2026-1"), "A long story.", ("1.1", "0.9.5")),
    )


def test_nothing_known_is_another_answer_than_no_answer(server: FileServer) -> None:
    assert ask(server) is None
    server.files[PATH] = json.dumps({"info": {}}).encode()
    assert ask(server) is None
    server.files[PATH] = json.dumps({"vulnerabilities": []}).encode()
    assert ask(server) == ()


@pytest.mark.parametrize(
    "answer", [b"<html>", b'{"vulnerabilities": [1]}', b'{"vulnerabilities": [{}]}']
)
def test_nonsense_is_no_answer(server: FileServer, answer: bytes) -> None:
    server.files[PATH] = answer

    with pytest.raises(requests.RequestException):
        ask(server)


def test_a_server_that_fails_is_told_of(server: FileServer) -> None:
    server.faults[PATH] = [Status(500)]

    with pytest.raises(requests.RequestException):
        ask(server)
