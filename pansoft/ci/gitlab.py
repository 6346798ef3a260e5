# SPDX-License-Identifier: BSD-3-Clause
"""The one door to GitLab: a note, commit statuses, labels, issues and merge requests of one project.

What is asked for is a state, not an action: run twice, nothing is there twice. These are the rules:

- What was written earlier is found again by a marker, an HTML comment that nobody sees, in the first line of
  a text whose author is the owner of the token. Anybody can copy a marker; nobody can be that author.
- Two pipelines of one moment may write a note each; the next one keeps the first and deletes the other.
- A request that GitLab did not take (429) is sent again, after the time that GitLab names.
- A request whose answer was lost (5xx, a connection that ended, no answer in time, nonsense) may have been
  carried out. One that says how something shall be is sent again. One that creates something is sent again
  only after a look has shown that nothing was created.
- All waiting of one `Gitlab` together has an end, and whatever stays wrong is explained.
- The token goes to the server that was named and nowhere else: no redirection is followed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import gitlab
import requests
from gitlab.exceptions import GitlabError, GitlabParsingError

from core.errors import UserError
from trust.identity.tokens import Token

NOTE_LENGTH = 1_000_000
"""Characters that GitLab takes in a note."""
_TEXT_LENGTH = 255
"""Characters that GitLab takes in a title, and in each text of a commit status."""
_SAID_LENGTH = 300
_LOST = frozenset({500, 502, 503, 504, *range(520, 531)})
_LIMITED = 429

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class GitlabFailed(UserError):
    """GitLab did not do what it was asked; says what that was and what to do."""


class How(StrEnum):
    """What became of a text that was to stand in GitLab."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class CommitState(StrEnum):
    """What a commit status says."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True)
class Posted:
    """What stands in GitLab now: its number, what became of it, and its address where it has one."""

    number: int
    how: How
    link: str | None = None


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What is to be said of a commit, under a name.

    In which pipeline GitLab shows it is left to GitLab: that of a child, or of the commit that GitLab made to
    try the merge, it does not find by its number.
    """

    name: str
    state: CommitState
    description: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A title and a description in Markdown that begins with a marker, and labels."""

    title: str
    description: str
    labels: tuple[str, ...] = ()


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


class Gitlab:
    """A project of a GitLab, as the owner of a token sees it."""

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
        self._user: int | None = None
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
        return f"Gitlab({self._login.url!r}, {self._login.project!r})"

    def put_note(self, merge_request: int, body: str, *, marker: str) -> Posted:
        """Let the one note of a merge request with a marker say this.

        Raises:
            GitlabFailed: it cannot be written.
        """
        _check_marked(body, marker)
        if len(body) > NOTE_LENGTH:
            raise GitlabFailed(f"a note has at most {NOTE_LENGTH} characters, this has {len(body)}")
        doing = f"write a note to merge request !{merge_request}"
        path = f"{self._project}/merge_requests/{merge_request}/notes"

        def look() -> tuple[_Written, ...]:
            notes = self._list(doing, path, {"sort": "asc", "order_by": "created_at"})
            return self._own(notes, "body", marker)

        def look_for_one() -> _Written | None:
            return next(iter(look()), None)

        for superfluous in look()[1:]:  # two pipelines of one moment wrote one each
            self._delete(doing, f"{path}/{superfluous.id}")
        written, is_new = self._ensure(doing, path, {"body": body}, look=look_for_one)
        if is_new:
            return Posted(written.id, How.CREATED)
        if _same(written.text, body):
            return Posted(written.id, How.UNCHANGED)
        self._put(doing, f"{path}/{written.id}", {"body": body})
        return Posted(written.id, How.UPDATED)

    def set_status(self, commit: str, status: CommitStatus) -> Posted:
        """Let a commit have this status under its name.

        Raises:
            GitlabFailed: it cannot be set.
        """
        doing = f"set the status of commit {commit[:12]}"
        asked: dict[str, Any] = {
            "state": status.state.value,
            "name": _cut(status.name),
            "description": _cut(status.description),
        }
        if status.link is not None and len(status.link) <= _TEXT_LENGTH:
            asked["target_url"] = status.link
        said = {**asked, "status": asked["state"]}
        del said["state"]

        def look() -> _Written | None:
            found = self._list(
                doing,
                f"{self._project}/repository/commits/{commit}/statuses",
                {"name": asked["name"]},
            )
            same = [each for each in found if said.items() <= each.items()]
            return _written(same[-1], "description", number="id") if same else None

        written, is_new = self._ensure(
            doing, f"{self._project}/statuses/{commit}", asked, look=look
        )
        return Posted(written.id, How.CREATED if is_new else How.UNCHANGED, status.link)

    def set_labels(
        self, merge_request: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Give a merge request some labels, take others away, and return all that it has then.

        Raises:
            GitlabFailed: it cannot be done.
        """
        answer = self._put(
            f"set the labels of merge request !{merge_request}",
            f"{self._project}/merge_requests/{merge_request}",
            {"add_labels": _joined(add), "remove_labels": _joined(remove)},
        )
        return tuple(str(label) for label in _items(answer, "labels"))

    def put_issue(self, text: Text, *, marker: str) -> Posted:
        """Let the one open issue with a marker say this, with at least these labels.

        Raises:
            GitlabFailed: it cannot be written.
        """
        return self._put_text(
            "write an issue",
            "issues",
            text,
            marker=marker,
            look=lambda: self._open_issue("write an issue", marker),
        )

    def close_issue(self, *, marker: str) -> Posted | None:
        """Close the open issue with a marker; None where there is none.

        Raises:
            GitlabFailed: it cannot be closed.
        """
        doing = "close an issue"
        found = self._open_issue(doing, marker)
        if found is None:
            return None
        self._put(doing, f"{self._project}/issues/{found.id}", {"state_event": "close"})
        return Posted(found.id, How.UPDATED, found.link)

    def put_merge_request(self, text: Text, *, branch: str, target: str, marker: str) -> Posted:
        """Let the one open merge request of a branch of this project say this.

        Raises:
            GitlabFailed: it cannot be written.
        """
        doing = f"write the merge request of branch {branch}"

        def look() -> _Written | None:
            found = self._list(
                doing,
                f"{self._project}/merge_requests",
                {"source_branch": branch, "target_branch": target, "state": "opened"},
            )
            # a fork may have a branch of the same name
            ours = [
                each for each in found if each.get("source_project_id") == each.get("project_id")
            ]
            return _written(ours[0], "description", number="iid") if ours else None

        more = {"source_branch": branch, "target_branch": target, "remove_source_branch": True}
        return self._put_text(
            doing, "merge_requests", text, marker=marker, look=look, on_creation=more
        )

    # -- how a state is reached ------------------------------------------------------------------

    def _put_text(
        self,
        doing: str,
        kind: str,
        text: Text,
        *,
        marker: str,
        look: Callable[[], _Written | None],
        on_creation: Mapping[str, object] | None = None,
    ) -> Posted:
        """Let one issue or merge request say this."""
        _check_marked(text.description, marker)
        path = f"{self._project}/{kind}"
        title = _cut(text.title)
        said = {"title": title, "description": text.description}
        sent = {**said, "labels": _joined(text.labels), **(on_creation or {})}
        written, is_new = self._ensure(doing, path, sent, look=look, number="iid")
        if is_new:
            return Posted(written.id, How.CREATED, written.link)
        is_said = written.title == title and _same(written.text, text.description)
        if is_said and set(text.labels) <= set(written.labels):
            return Posted(written.id, How.UNCHANGED, written.link)
        self._put(doing, f"{path}/{written.id}", {**said, "add_labels": _joined(text.labels)})
        return Posted(written.id, How.UPDATED, written.link)

    def _ensure(
        self,
        doing: str,
        path: str,
        sent: Mapping[str, object],
        *,
        look: Callable[[], _Written | None],
        number: str = "id",
    ) -> tuple[_Written, bool]:
        """Return what a look finds, or what was created because it found nothing; and which it was."""
        found = look()
        if found is not None:
            return found, False
        said = str(sent.get("body") or sent.get("description") or "")

        def create() -> tuple[_Written, bool]:
            answer = self._client.http_post(path, post_data=dict(sent), **_ONCE)
            return _written(answer, "body", "description", number=number), True

        def created_after_all() -> tuple[_Written, bool] | None:
            there = look()
            return None if there is None else (there, _same(there.text, said))

        return self._ask(doing, create, lost=created_after_all)

    def _open_issue(self, doing: str, marker: str) -> _Written | None:
        mine = {"state": "opened", "scope": "all", "author_id": self._me(doing), "sort": "asc"}
        issues = self._list(doing, f"{self._project}/issues", mine)
        return next(iter(self._own(issues, "description", marker, number="iid")), None)

    def _own(
        self, things: Sequence[Mapping[str, Any]], text: str, marker: str, *, number: str = "id"
    ) -> tuple[_Written, ...]:
        """Return those of some texts that we wrote under a marker."""
        marked = [each for each in things if _is_marked(each.get(text), marker)]
        if not marked:
            return ()
        me = self._me("see whose token this is")
        return tuple(_written(each, text, number=number) for each in marked if _author(each) == me)

    def _me(self, doing: str) -> int:
        """Return the number of the token's owner."""
        if self._user is None:
            self._user = self._ask(
                doing, lambda: _whole(self._client.http_get("/user", **_ONCE), "id")
            )
        return self._user

    def _list(
        self, doing: str, path: str, query: Mapping[str, object]
    ) -> tuple[Mapping[str, Any], ...]:
        """Return all of a list, from all its pages."""

        def read() -> tuple[Mapping[str, Any], ...]:
            asked = {**query, "per_page": 100}
            found = self._client.http_list(path, query_data=asked, get_all=True, **_ONCE)
            return tuple(_object(each) for each in found)

        return self._ask(doing, read)

    def _put(self, doing: str, path: str, sent: Mapping[str, object]) -> Mapping[str, Any]:
        return self._ask(
            doing,
            lambda: _object(self._client.http_put(path, post_data=dict(sent), **_ONCE)),
        )

    def _delete(self, doing: str, path: str) -> None:
        """Delete something; that it is gone already is as well."""

        def delete() -> None:
            try:
                self._client.http_delete(path, **_ONCE)
            except GitlabError as err:
                if _status_of(err) != 404:
                    raise

        self._ask(doing, delete)

    # -- how a request is made -------------------------------------------------------------------

    @property
    def _project(self) -> str:
        return f"/projects/{quote(self._login.project, safe='')}"

    def _ask(
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
                if lost is not None and (_is_lost(err) or _is_there_already(err)):
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
        if not _is_lost(err) and _status_of(err) != _LIMITED:
            return None
        asked = self._retry_after or ""
        return float(asked) if asked.isdecimal() else self._patience.wait(failures)

    def _wait(self, doing: str, err: Exception, seconds: float) -> None:
        if seconds > self._left_s:
            raise self._explained(err, doing) from err
        if seconds:
            _log.info("GitLab: %s: %s; again in %.1f s", doing, _what(err), seconds)
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
        message = f"could not {doing}: {_what(err)} ({where})"
        return GitlabFailed(self._without_token(message), hint=self._hint(err))

    def _without_token(self, text: str) -> str:
        return text.replace(self._login.token.text, "[token]")

    def _hint(self, err: Exception) -> str:
        variable = self._login.variable
        match _status_of(err):
            case 401:
                return (
                    f"{variable} needs a project access token with the scope api and the role Developer "
                    "that has not expired; the token of a job cannot do this"
                )
            case 403 if "insufficient_scope" in _body(err):
                return f"make a token with the scope api and put it into {variable}"
            case 403:
                return (
                    f"the owner of the token in {variable} needs the role Developer in the project"
                )
            case 404:
                return (
                    "see whether project, merge request and commit are there, and whether the owner of the "
                    f"token in {variable} is a member of the project: to others GitLab shows nothing"
                )
            case 429:
                return "GitLab is asked too often; run the job again later"
            case _ if isinstance(err, requests.TooManyRedirects):
                return "name the address at which GitLab answers itself: CI_SERVER_URL"
            case _ if isinstance(err, requests.exceptions.SSLError):
                return "name the authorities of the server's certificate in CI_SERVER_TLS_CA_FILE"
            case _ if _is_lost(err):
                return "see whether GitLab can be reached, and run the job again: nothing is posted twice"
            case _:
                return "the answer says what GitLab does not accept"


_ONCE: dict[str, Any] = {"obey_rate_limit": False, "retry_transient_errors": False}
"""python-gitlab would send again what creates something, without a look, and wait without an end."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A text that stands in GitLab."""

    id: int
    text: str
    title: str = ""
    labels: tuple[str, ...] = ()
    link: str | None = None


def _written(answer: object, *texts: str, number: str) -> _Written:
    thing = _object(answer)
    link = thing.get("web_url")
    return _Written(
        _whole(thing, number),
        next((str(thing[name]) for name in texts if thing.get(name)), ""),
        str(thing.get("title") or ""),
        tuple(str(label) for label in thing.get("labels") or ()),
        str(link) if link else None,
    )


def _object(answer: object) -> Mapping[str, Any]:
    """Return an answer that is an object; a page of a proxy is none."""
    if not isinstance(answer, dict):
        raise GitlabParsingError("the answer is not GitLab's")
    return answer


def _whole(answer: object, name: str) -> int:
    value = _object(answer).get(name)
    if not isinstance(value, int):
        raise GitlabParsingError(f"the answer has no {name}")
    return value


def _items(answer: Mapping[str, Any], name: str) -> Sequence[object]:
    value = answer.get(name)
    if not isinstance(value, list):
        raise GitlabParsingError(f"the answer has no {name}")
    return value


def _author(thing: Mapping[str, Any]) -> object:
    author = thing.get("author")
    return author.get("id") if isinstance(author, dict) else None


def _check_marked(text: str, marker: str) -> None:
    if not _is_marked(text, marker):
        raise ValueError(f"the text does not begin with {marker}, so it would not be found again")


def _is_marked(text: object, marker: str) -> bool:
    return isinstance(text, str) and text.partition("\n")[0].strip() == marker


def _same(one: str, other: str) -> bool:
    """Return whether two texts differ in nothing that GitLab keeps."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LENGTH else text[: _TEXT_LENGTH - 1] + "…"


def _joined(labels: Sequence[str]) -> str:
    if wrong := [label for label in labels if "," in label or not label.strip()]:
        raise ValueError(f"{wrong[0]!r} is not a label")
    return ",".join(labels)


def _status_of(err: Exception) -> int | None:
    return err.response_code if isinstance(err, GitlabError) else None


def _body(err: Exception) -> str:
    body = err.response_body if isinstance(err, GitlabError) else None
    return (body or b"")[:4096].decode("utf-8", "replace")


def _is_lost(err: Exception) -> bool:
    """Return whether nobody knows what became of a request."""
    if isinstance(err, GitlabParsingError) or _status_of(err) in _LOST:
        return True
    settled = (
        requests.TooManyRedirects,
        requests.exceptions.SSLError,
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.MissingSchema,
        requests.exceptions.InvalidHeader,
    )
    return isinstance(err, requests.RequestException) and not isinstance(err, settled)


def _is_there_already(err: Exception) -> bool:
    """Return whether somebody else was faster with what was to be created."""
    return _status_of(err) == 409 or (
        _status_of(err) == 400 and "Cannot transition status" in _body(err)
    )


def _what(err: Exception) -> str:
    """Return in some words what went wrong."""
    match err:
        case requests.Timeout():
            return "no answer in time"
        case requests.exceptions.SSLError():
            return "the certificate of the server is not accepted"
        case requests.TooManyRedirects():
            return "the server sends elsewhere, and the token does not go there"
        case requests.ConnectionError():
            return "no connection, or it ended before the answer"
        case GitlabParsingError():
            return "the answer is not one of GitLab"
        case GitlabError() if err.response_code == _LIMITED:
            return "GitLab answers 429, too many requests"
        case GitlabError() if err.response_code in _LOST:
            return f"GitLab answers {err.response_code}"
        case GitlabError():
            said = "".join(each if each.isprintable() else " " for each in str(err.error_message))
            return f"GitLab answers {err.response_code}: {said[:_SAID_LENGTH]}"
        case _:
            return f"the request failed ({type(err).__name__})"
