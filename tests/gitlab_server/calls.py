# SPDX-License-Identifier: BSD-3-Clause
"""What a route is given, what it answers, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from tests.gitlab_server.server import GitlabServer
from tests.gitlab_server.state import REPORTER, Login, Project, Thing

PROJECT = r"/projects/(?P<project>[^/]+)"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the JSON of the body or a file, and headers."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """The body of an answer that is a file and no JSON."""

    content: bytes


class Refusal(Exception):
    """A request ends with this answer."""

    def __init__(self, status: int, **body: object) -> None:
        super().__init__(status)
        self.answer = Answer(status, body)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a route takes under a name."""

    name: str
    kind: type = str
    needed: bool = False
    of: tuple[str, ...] = ()
    """The words that it may be; any where there are none."""


PAGES = (Parameter("page", int), Parameter("per_page", int))


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was found to be in order so far."""

    server: GitlabServer
    login: Login
    sent: Thing
    where: dict[str, str]
    url: str

    @property
    def project(self) -> Project:
        """Return the project of the path, where its caller may see it."""
        wanted = unquote(self.where["project"])
        found = next(
            (each for each in self.server.projects.values() if wanted in (str(each.id), each.path)),
            None,
        )
        if found is None or self.login.level < REPORTER or not self._is_member(found):
            raise Refusal(404, message="404 Project Not Found")
        return found

    def _is_member(self, project: Project) -> bool:
        return self.login.projects is None or project.path in self.login.projects

    @property
    def iid(self) -> int:
        return int(self.where["iid"])

    def merge_request(self) -> Thing:
        return known(self.project.merge_requests, self.iid)

    def issue(self) -> Thing:
        return known(self.project.issues, self.iid)

    def needs(self, level: int) -> None:
        """Refuse whoever has a lower role."""
        if self.login.level < level:
            raise Refusal(403, message="403 Forbidden")


def known(things: dict[int, Thing], number: int) -> Thing:
    if number not in things:
        raise Refusal(404, message="404 Not found")
    return things[number]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path, what does it, and the parameters that it knows."""

    method: str
    path: str
    do: Callable[[Call], Answer]
    parameters: tuple[Parameter, ...] = ()


def page(call: Call, things: Sequence[Thing]) -> Answer:
    """Return one page of a list, with the headers that lead to the next."""
    size = min(call.sent.get("per_page", 20), 100)
    page = max(call.sent.get("page", 1), 1)
    total = len(things)
    pages = max(1, -(-total // size))
    following = page + 1 if page < pages else None
    headers = [
        ("X-Page", str(page)),
        ("X-Per-Page", str(size)),
        ("X-Next-Page", str(following or "")),
        ("X-Prev-Page", str(page - 1) if page > 1 else ""),
    ]
    if call.server.counts:
        headers += [("X-Total", str(total)), ("X-Total-Pages", str(pages))]
    if following:
        query = urlencode({**call.sent, "page": following, "per_page": size})
        headers.append(("Link", f'<{call.url}?{query}>; rel="next"'))
    return Answer(200, things[(page - 1) * size : page * size], tuple(headers))
