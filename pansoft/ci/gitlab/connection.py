# SPDX-License-Identifier: BSD-3-Clause
"""Requests to one project of a GitLab: made again where that is right, and explained where they fail."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote

import gitlab
import requests
from gitlab.exceptions import GitlabError, GitlabParsingError

from pansoft.ci.gitlab.answers import Written, as_object, as_written, is_same, whole
from pansoft.ci.gitlab.failures import (
    LIMITED,
    GitlabFailed,
    hint_at,
    is_lost,
    is_there_already,
    status_of,
    what,
)
from trust.identity.tokens import Token

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one answer may take, and how long failed requests and waiting may take together."""

    answer_s: float = 30.0
    total_s: float = 180.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0

    def wait(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, where GitLab does not say it."""
        return min(self.first_wait_s * 2.0 ** (failures - 1), self.longest_wait_s)


@dataclass(frozen=True, slots=True)
class Login:
    """Where a project is, and who writes there.

    `url` is the address of the GitLab, `project` the number or the path of the project, `variable` where
    the token was read, for messages, and `ca_file` the authorities of a server with a certificate of its own.
    """

    url: str
    project: str
    token: Token = field(repr=False)
    variable: str
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who the owner of a token is: the number, and the addresses that commits of theirs carry."""

    id: int
    emails: frozenset[str]


class Connection:
    """The way to a project of a GitLab, for the owner of a token; paths are below the project."""

    def __init__(
        self,
        login: Login,
        *,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._login = login
        self._patience = patience or Patience()
        self._left_s = self._patience.total_s
        self._sleep = sleep
        self._retry_after: str | None = None
        self._owner: Owner | None = None
        self._client = gitlab.Gitlab(
            login.url,
            private_token=login.token.text,
            timeout=self._patience.answer_s,
            ssl_verify=str(login.ca_file) if login.ca_file else True,
            keep_base_url=True,  # a page's link to the next does not say where the token goes
            session=self._session(),
        )

    def __repr__(self) -> str:
        """Return where the project is, and nothing about the token."""
        return f"Connection({self._login.url!r}, {self._login.project!r})"

    def owner(self, doing: str) -> Owner:
        """Return who the token's owner is."""
        if self._owner is None:
            self._owner = self.ask(
                doing, lambda: _as_owner(self._client.http_get("/user", **_ONCE))
            )
        return self._owner

    def address_of(self, user: int) -> str | None:
        """Return the public address of a user, one of those that GitLab has seen to be theirs."""
        found = self._get(f"see who user {user} is", f"/users/{user}", {})
        address = found.get("public_email") if found else None
        return address if isinstance(address, str) and address else None

    def get(
        self, doing: str, path: str, query: Mapping[str, object] = MappingProxyType({})
    ) -> Mapping[str, Any] | None:
        """Return one thing; None where there is none."""
        return self._get(doing, self._at(path), query)

    def _get(self, doing: str, place: str, query: Mapping[str, object]) -> Mapping[str, Any] | None:
        def read() -> Mapping[str, Any] | None:
            try:
                return as_object(self._client.http_get(place, query_data=dict(query), **_ONCE))
            except GitlabError as err:
                if status_of(err) != 404:
                    raise
                return None

        return self.ask(doing, read)

    def text(self, doing: str, path: str, *, most: int) -> str:
        """Return a text that is no JSON, of a long one the last so many bytes; empty where there is none."""

        def read() -> str:
            try:
                answer = self._client.http_get(self._at(path), raw=True, **_ONCE)
            except GitlabError as err:
                if status_of(err) != 404:
                    raise
                return ""
            content = answer.content if isinstance(answer, requests.Response) else b""
            return content[-most:].decode("utf-8", "replace")

        return self.ask(doing, read)

    def listed(
        self, doing: str, path: str, query: Mapping[str, object]
    ) -> tuple[Mapping[str, Any], ...]:
        """Return all of a list, from all its pages."""

        def read() -> tuple[Mapping[str, Any], ...]:
            asked = {**query, "per_page": 100}
            found = self._client.http_list(self._at(path), query_data=asked, get_all=True, **_ONCE)
            return tuple(as_object(each) for each in found)

        return self.ask(doing, read)

    def content(self, doing: str, path: str, *, most: int) -> bytes | None:
        """Return the content of a file, cut where it is longer; None where there is none.

        Raises:
            GitlabFailed: it cannot be had.
        """

        def read() -> bytes | None:
            try:
                answer = self._client.http_get(self._at(path), streamed=True, raw=True, **_ONCE)
            except GitlabError as err:
                if status_of(err) != 404:
                    raise
                return None
            if not isinstance(answer, requests.Response):
                raise GitlabParsingError("the answer is no file")
            with answer:
                found = bytearray()
                for part in answer.iter_content(1 << 16):
                    found += part
                    if len(found) >= most:
                        break
            return bytes(found[:most])

        return self.ask(doing, read)

    def ensure(
        self,
        doing: str,
        path: str,
        sent: Mapping[str, object],
        *,
        look: Callable[[], Written | None],
        number: str = "id",
    ) -> tuple[Written, bool]:
        """Return what a look finds, or what was created because it found nothing; and which it was."""
        found = look()
        if found is not None:
            return found, False
        said = str(sent.get("body") or sent.get("description") or "")

        def read(answer: object) -> tuple[Written, bool]:
            return as_written(answer, "body", "description", number=number), True

        def created_after_all() -> tuple[Written, bool] | None:
            there = look()
            return None if there is None else (there, is_same(there.text, said))

        return self.post(doing, path, sent, read=read, lost=created_after_all)

    def post(
        self,
        doing: str,
        path: str,
        sent: Mapping[str, object],
        *,
        read: Callable[[object], _T],
        lost: Callable[[], _T | None],
    ) -> _T:
        """Return what is read of the answer to what creates something, sent once.

        `lost` looks whether it was created when nobody knows; only where not is it sent again.
        """

        def create() -> _T:
            return read(self._client.http_post(self._at(path), post_data=dict(sent), **_ONCE))

        return self.ask(doing, create, lost=lost)

    def put(self, doing: str, path: str, sent: Mapping[str, object]) -> Mapping[str, Any]:
        """Let something be as it is sent, and return what it is then."""
        return self.ask(
            doing,
            lambda: as_object(self._client.http_put(self._at(path), post_data=dict(sent), **_ONCE)),
        )

    def delete(self, doing: str, path: str) -> None:
        """Delete something; that it is gone already is as well."""

        def delete() -> None:
            try:
                self._client.http_delete(self._at(path), **_ONCE)
            except GitlabError as err:
                if status_of(err) != 404:
                    raise

        self.ask(doing, delete)

    def _at(self, path: str) -> str:
        """Return a path below the project as one of the GitLab."""
        return f"/projects/{quote(self._login.project, safe='')}/{path}"

    def ask(
        self, doing: str, call: Callable[[], _T], *, lost: Callable[[], _T | None] | None = None
    ) -> _T:
        """Return the answer to a request, made again where that is right and there is time for it.

        Args:
            doing: what it is for, for messages: "write a note".
            call: makes the request.
            lost: looks whether a request whose answer was lost was carried out; where there is
                none, the request can be made again whatever became of it.

        Raises:
            GitlabFailed: GitLab refused, or did not answer in time.
        """
        failures = 0
        while True:
            begun, self._retry_after = time.monotonic(), None
            try:
                return call()
            except (GitlabError, requests.RequestException) as err:
                failures += 1
                self._left_s -= time.monotonic() - begun
                wait = self._wait_after(err, failures)
                if lost is not None and (is_lost(err) or is_there_already(err)):
                    # GitLab may still be at it, so the look comes after the wait
                    self._wait(doing, err, wait or 0.0)
                    there = lost()
                    if there is not None:
                        return there
                elif wait is not None:
                    self._wait(doing, err, wait)
                if wait is None:
                    raise self._explained(err, doing) from err

    def _wait_after(self, err: Exception, failures: int) -> float | None:
        """Return how long to wait before a request is made again; None where that is of no use."""
        if not is_lost(err) and status_of(err) != LIMITED:
            return None
        asked = self._retry_after or ""
        return float(asked) if asked.isdecimal() else self._patience.wait(failures)

    def _wait(self, doing: str, err: Exception, seconds: float) -> None:
        if seconds > self._left_s:
            raise self._explained(err, doing) from err
        if seconds:
            _log.info("GitLab: %s: %s; again in %.1f s", doing, what(err), seconds)
            self._left_s -= seconds
            self._sleep(seconds)

    def _session(self) -> requests.Session:
        def note_wait(response: requests.Response, *_: object, **__: object) -> None:
            self._retry_after = response.headers.get("Retry-After")

        session = requests.Session()
        session.hooks["response"].append(note_wait)
        session.max_redirects = 0
        return session

    def _explained(self, err: Exception, doing: str) -> GitlabFailed:
        """Return an error in words that tell a person what to do."""
        where = f"{self._login.url}, project {self._login.project}"
        message = f"could not {doing}: {what(err)} ({where})"
        return GitlabFailed(self._without_token(message), hint=hint_at(err, self._login.variable))

    def _without_token(self, text: str) -> str:
        return text.replace(self._login.token.text, "[token]")


def _as_owner(answer: object) -> Owner:
    thing = as_object(answer)
    emails = (thing.get(name) for name in ("email", "commit_email"))
    return Owner(whole(thing, "id"), frozenset(str(each) for each in emails if each))


_ONCE: dict[str, Any] = {"obey_rate_limit": False, "retry_transient_errors": False}
"""python-gitlab would send again what creates something, without a look, and wait without an end."""
