# SPDX-License-Identifier: BSD-3-Clause
"""A GitLab on a real socket: the part of its REST API, version 4, that the pipeline talks to.

It keeps projects, merge requests, notes, commit statuses, labels, issues, branches and pipelines in plain
objects, checks every request as GitLab does, and answers refusals in GitLab's own shapes:

    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        token = server.add_token("bot", level=DEVELOPER)
        request = project.add_merge_request(source="update-pyfai")
        server.faults += [Limited(after="1"), HangUp(method="POST", done=True)]

What it is stricter about than GitLab: a parameter that GitLab would silently leave alone is refused with 400,
for it is a misspelling. What it does as GitLab and is easily forgotten:

- a job token writes nothing here, and a project that a token may not see is a 404 like one that is not there
- quick actions (`/close` at the beginning of a line) of a note are carried out, and not part of it
- a commit status that is running cannot begin to run again: 400
- lists come in pages of 20, at most 100, with `X-Next-Page` and `Link`
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

Thing: TypeAlias = dict[str, Any]
"""What the API calls an object, as its JSON has it."""

GUEST, REPORTER, DEVELOPER, MAINTAINER = 10, 20, 30, 40
NOTE_LENGTH = 1_000_000
TITLE_LENGTH = 255
_API = "/api/v4"
_NOON = "2026-06-01T12:00:00.000Z"


@dataclass(frozen=True, slots=True)
class _Fault:
    """Which request it hits: the next one whose method and path fit."""

    method: str = ""
    path: str = ""

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("", method) and self.path in path


@dataclass(frozen=True, slots=True)
class Limited(_Fault):
    """Too many requests; `after` is the text of `Retry-After`."""

    after: str | None = None


@dataclass(frozen=True, slots=True)
class Down(_Fault):
    """The proxy before GitLab answers in its place, after GitLab did the work or before."""

    status: int = 502
    done: bool = False


@dataclass(frozen=True, slots=True)
class HangUp(_Fault):
    """The connection ends without an answer, after GitLab did the work or before."""

    done: bool = False


@dataclass(frozen=True, slots=True)
class Silent(_Fault):
    """GitLab does the work, or does not, and no answer comes as long as the server runs."""

    done: bool = False


@dataclass(frozen=True, slots=True)
class Gibberish(_Fault):
    """Something that is not JSON, and says that it is."""


@dataclass(frozen=True, slots=True)
class Moved(_Fault):
    """The client is sent elsewhere."""

    to: str = ""


Fault: TypeAlias = Limited | Down | HangUp | Silent | Gibberish | Moved


@dataclass(frozen=True, slots=True)
class Login:
    """Whose token it is, what it may do, and whether it is a job's."""

    user: int
    name: str
    level: int = MAINTAINER
    scopes: tuple[str, ...] = ("api",)
    of_job: bool = False
    projects: tuple[str, ...] | None = None
    """The projects it is a member of; None for all."""

    def author(self) -> Thing:
        return {"id": self.user, "username": self.name, "name": self.name, "state": "active"}


@dataclass
class Project:
    """A project and all that is in it."""

    id: int
    path: str
    address: str
    default_branch: str = "main"
    merge_requests: dict[int, Thing] = field(default_factory=dict)
    issues: dict[int, Thing] = field(default_factory=dict)
    notes: dict[tuple[str, int], list[Thing]] = field(default_factory=dict)
    """By `merge_requests` or `issues`, and the number."""
    statuses: list[Thing] = field(default_factory=list)
    labels: dict[str, Thing] = field(default_factory=dict)
    branches: dict[str, list[Thing]] = field(default_factory=dict)
    """The commits of each, the oldest first."""
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Path and content, by branch."""
    pipelines: list[Thing] = field(default_factory=list)
    jobs: dict[int, list[Thing]] = field(default_factory=dict)
    """By pipeline."""
    quick_actions: list[str] = field(default_factory=list)
    """Every one that a text asked for."""
    _last: int = 100

    def number(self) -> int:
        """Return a number that nothing here has."""
        self._last += 1
        return self._last

    def add_branch(self, name: str, *, files: dict[str, str] | None = None) -> str:
        """Add a branch with one commit and return that one's sha."""
        self.files[name] = dict(files or {})
        self.branches[name] = []
        return self.add_commit(name, message="first")

    def add_commit(self, branch: str, *, message: str) -> str:
        """Add a commit to a branch and return its sha."""
        sha = f"{self.number():040x}"
        self.branches[branch].append({"id": sha, "short_id": sha[:8], "message": message})
        return sha

    def shas(self) -> set[str]:
        """Return every commit."""
        return {commit["id"] for commits in self.branches.values() for commit in commits}

    def add_merge_request(
        self,
        *,
        source: str,
        title: str = "Change",
        author: Thing | None = None,
        state: str = "opened",
        from_project: int | None = None,
    ) -> Thing:
        """Add a merge request, with its branch where that is not there."""
        if source not in self.branches:
            self.add_branch(source)
        iid = len(self.merge_requests) + 1
        made: Thing = {
            "id": self.number(),
            "iid": iid,
            "project_id": self.id,
            "source_project_id": from_project or self.id,
            "target_project_id": self.id,
            "title": title,
            "description": "",
            "state": state,
            "source_branch": source,
            "target_branch": self.default_branch,
            "labels": [],
            "author": author or {"id": 1, "username": "root"},
            "sha": self.branches[source][-1]["id"],
            "web_url": f"{self.address}/{self.path}/-/merge_requests/{iid}",
        }
        self.merge_requests[iid] = made
        return made

    def add_issue(self, *, title: str, description: str = "", author: Thing | None = None) -> Thing:
        """Add an issue."""
        iid = len(self.issues) + 1
        made: Thing = {
            "id": self.number(),
            "iid": iid,
            "project_id": self.id,
            "title": title,
            "description": description,
            "state": "opened",
            "labels": [],
            "author": author or {"id": 1, "username": "root"},
            "web_url": f"{self.address}/{self.path}/-/issues/{iid}",
        }
        self.issues[iid] = made
        return made

    def add_note(
        self, where: str, iid: int, body: str, *, author: Thing, system: bool = False
    ) -> Thing:
        """Add a note to a merge request or an issue."""
        made: Thing = {
            "id": self.number(),
            "body": body,
            "author": author,
            "system": system,
            "internal": False,
            "noteable_iid": iid,
            "noteable_type": "MergeRequest" if where == "merge_requests" else "Issue",
            "created_at": _NOON,
            "updated_at": _NOON,
        }
        self.notes.setdefault((where, iid), []).append(made)
        return made


@dataclass(frozen=True, slots=True)
class Request:
    """A request that arrived, whatever became of it."""

    method: str
    path: str
    sent: Thing = field(compare=False, default_factory=dict)


@dataclass
class GitlabServer:
    """The whole GitLab."""

    address: str = ""
    counts: bool = True
    """Whether lists say how long they are; GitLab does not beyond 10 000 objects."""
    tokens: dict[str, Login] = field(default_factory=dict)
    projects: dict[int, Project] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def add_project(self, path: str) -> Project:
        """Add a project with its default branch."""
        made = Project(len(self.projects) + 40, path, self.address)
        made.add_branch(made.default_branch)
        self.projects[made.id] = made
        return made

    def add_token(
        self,
        name: str,
        *,
        level: int = MAINTAINER,
        scopes: tuple[str, ...] = ("api",),
        of_job: bool = False,
        projects: tuple[str, ...] | None = None,
    ) -> str:
        """Return a new token of somebody."""
        text = f"glpat-{name}-{len(self.tokens)}-not-to-be-shown"
        self.tokens[text] = Login(len(self.tokens) + 10, name, level, scopes, of_job, projects)
        return text

    def author(self, token: str) -> Thing:
        """Return whose token it is, as notes name their author."""
        return self.tokens[token].author()

    def count(self, method: str, path: str = "") -> int:
        """Return how many requests of a method and a part of a path arrived."""
        return sum(each.method == method and path in each.path for each in self.requests)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the JSON of the body, and headers."""

    status: int
    body: Any
    headers: tuple[tuple[str, str], ...] = ()


class _Refusal(Exception):
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
            raise _Refusal(404, message="404 Project Not Found")
        return found

    def _is_member(self, project: Project) -> bool:
        return self.login.projects is None or project.path in self.login.projects

    @property
    def iid(self) -> int:
        return int(self.where["iid"])

    def merge_request(self) -> Thing:
        return _known(self.project.merge_requests, self.iid)

    def issue(self) -> Thing:
        return _known(self.project.issues, self.iid)

    def needs(self, level: int) -> None:
        """Refuse whoever has a lower role."""
        if self.login.level < level:
            raise _Refusal(403, message="403 Forbidden")


def _known(things: dict[int, Thing], number: int) -> Thing:
    if number not in things:
        raise _Refusal(404, message="404 Not found")
    return things[number]


# -- what the routes do ---------------------------------------------------------------------------


def _user(call: Call) -> Answer:
    return Answer(200, call.login.author())


def _version(call: Call) -> Answer:
    return Answer(200, {"version": "18.5.0", "revision": "0123abc"})


def _show_project(call: Call) -> Answer:
    project = call.project
    return Answer(
        200,
        {
            "id": project.id,
            "path_with_namespace": project.path,
            "default_branch": project.default_branch,
            "web_url": f"{project.address}/{project.path}",
        },
    )


def _list_merge_requests(call: Call) -> Answer:
    found = list(reversed(call.project.merge_requests.values()))
    return _page(call, _filtered(found, call.sent))


def _show_merge_request(call: Call) -> Answer:
    return Answer(200, call.merge_request())


def _list_versions(call: Call) -> Answer:
    request = call.merge_request()
    version = {"id": 1, "head_commit_sha": request["sha"], "state": "collected"}
    return _page(call, [version])


def _create_merge_request(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    source, target = sent["source_branch"], sent["target_branch"]
    if source == target:
        said = "You can't use same project/branch for source and target"
        raise _Refusal(422, message=[said])
    for request in project.merge_requests.values():
        if (request["source_branch"], request["state"]) == (source, "opened"):
            said = "Another open merge request already exists for this source branch"
            raise _Refusal(409, message=[f"{said}: !{request['iid']}"])
    if source not in project.branches or target not in project.branches:
        raise _Refusal(400, message={"validate_branches": ["a branch does not exist"]})
    _check_title(sent["title"])
    made = project.add_merge_request(source=source, title=sent["title"], author=call.login.author())
    made["target_branch"] = target
    made["description"] = _acted(project, made, sent.get("description", ""))
    _set_labels(project, made, sent)
    return Answer(201, made)


def _update_merge_request(call: Call) -> Answer:
    request = call.merge_request()
    call.needs(DEVELOPER)
    _update(call, request)
    return Answer(200, request)


def _list_issues(call: Call) -> Answer:
    found = list(reversed(call.project.issues.values()))
    return _page(call, _filtered(found, call.sent))


def _create_issue(call: Call) -> Answer:
    project, sent = call.project, call.sent
    _check_title(sent["title"])
    made = project.add_issue(title=sent["title"], author=call.login.author())
    made["description"] = _acted(project, made, sent.get("description", ""))
    _set_labels(project, made, sent)
    return Answer(201, made)


def _show_issue(call: Call) -> Answer:
    return Answer(200, call.issue())


def _update_issue(call: Call) -> Answer:
    issue = call.issue()
    call.needs(REPORTER)
    _update(call, issue)
    return Answer(200, issue)


def _update(call: Call, thing: Thing) -> None:
    sent = call.sent
    if not sent:
        raise _Refusal(
            400, error="title, description, labels, state_event are missing, at least one"
        )
    if "title" in sent:
        _check_title(sent["title"])
        thing["title"] = sent["title"]
    if "description" in sent:
        thing["description"] = _acted(call.project, thing, sent["description"])
    _set_labels(call.project, thing, sent)
    if "state_event" in sent:
        thing["state"] = "closed" if sent["state_event"] == "close" else "opened"


def _check_title(title: str) -> None:
    if not title.strip():
        raise _Refusal(400, message={"title": ["can't be blank"]})
    if len(title) > TITLE_LENGTH:
        said = f"is too long (maximum is {TITLE_LENGTH} characters)"
        raise _Refusal(400, message={"title": [said]})


def _set_labels(project: Project, thing: Thing, sent: Thing) -> None:
    names = _words(sent["labels"]) if "labels" in sent else list(thing["labels"])
    names += _words(sent.get("add_labels", ""))
    gone = set(_words(sent.get("remove_labels", "")))
    thing["labels"] = [name for name in dict.fromkeys(names) if name not in gone]
    for name in thing["labels"]:  # GitLab makes those that are not there
        project.labels.setdefault(name, _label(project, name))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _label(project: Project, name: str, *, color: str = "#428BCA", said: str = "") -> Thing:
    return {"id": project.number(), "name": name, "color": color, "description": said}


def _list_labels(call: Call) -> Answer:
    return _page(call, list(call.project.labels.values()))


def _create_label(call: Call) -> Answer:
    project, sent = call.project, call.sent
    if sent["name"] in project.labels:
        raise _Refusal(409, message="Label already exists")
    if not re.fullmatch(r"#([0-9A-Fa-f]{3}){1,2}|[a-z]+", sent["color"]):
        raise _Refusal(400, message={"color": ["must be a valid color code"]})
    said = sent.get("description", "")
    made = _label(project, sent["name"], color=sent["color"], said=said)
    project.labels[sent["name"]] = made
    return Answer(201, made)


def _place(call: Call) -> tuple[str, int]:
    """Return whose notes are meant, which have to be there."""
    where = call.where["where"]
    _known(
        call.project.merge_requests if where == "merge_requests" else call.project.issues, call.iid
    )
    return where, call.iid


def _list_notes(call: Call) -> Answer:
    found = list(call.project.notes.get(_place(call), []))
    if call.sent.get("sort", "desc") == "desc":
        found.reverse()
    return _page(call, found)


def _create_note(call: Call) -> Answer:
    project, (where, iid) = call.project, _place(call)
    thing = (project.merge_requests if where == "merge_requests" else project.issues)[iid]
    body = _note_text(call)
    rest = _acted(project, thing, body)
    if not rest.strip():
        return Answer(202, {"commands_changes": {}, "summary": ["Applied commands"]})
    return Answer(201, project.add_note(where, iid, rest, author=call.login.author()))


def _note_of(call: Call) -> Thing:
    notes = call.project.notes.get(_place(call), [])
    return _known({note["id"]: note for note in notes}, int(call.where["note"]))


def _show_note(call: Call) -> Answer:
    return Answer(200, _note_of(call))


def _update_note(call: Call) -> Answer:
    note = _note_of(call)
    if note["system"] or (
        note["author"]["id"] != call.login.user and call.login.level < MAINTAINER
    ):
        raise _Refusal(403, message="403 Forbidden")
    note["body"] = _note_text(call)
    return Answer(200, note)


def _delete_note(call: Call) -> Answer:
    note = _note_of(call)
    if note["author"]["id"] != call.login.user and call.login.level < MAINTAINER:
        raise _Refusal(403, message="403 Forbidden")
    call.project.notes[_place(call)].remove(note)
    return Answer(204, None)


def _note_text(call: Call) -> str:
    body: str = call.sent["body"]
    if not body.strip():
        raise _Refusal(400, message='400 Bad request - Note {:note=>["can\'t be blank"]}')
    if len(body) > NOTE_LENGTH:
        said = f"is too long (maximum is {NOTE_LENGTH} characters)"
        raise _Refusal(400, message=f'400 Bad request - Note {{:note=>["{said}"]}}')
    return body


_FENCE = re.compile(r"(`{3,}|~{3,})")


def _acted(project: Project, thing: Thing, text: str) -> str:
    """Return a text without its quick actions, which are carried out; none are in fenced code."""
    kept, fence = [], ""
    for line in text.splitlines(keepends=True):
        if found := _FENCE.match(line):
            if not fence:
                fence = found[1]
            elif found[1].startswith(fence) and line.strip() == found[1]:
                fence = ""
        action = None if fence else re.match(r"/([a-z_]+)", line)
        if action is None:
            kept.append(line)
            continue
        project.quick_actions.append(line.strip())
        if action[1] in ("close", "reopen"):
            thing["state"] = "closed" if action[1] == "close" else "opened"
    return "".join(kept)


def _list_statuses(call: Call) -> Answer:
    sha = _commit(call)
    found = [each for each in call.project.statuses if each["sha"] == sha]
    if "name" in call.sent:
        found = [each for each in found if each["name"] == call.sent["name"]]
    if call.sent.get("all") not in (True, "true", "True"):  # the last of each name
        found = list({(each["name"], each["ref"]): each for each in found}.values())
    return _page(call, found)


def _create_status(call: Call) -> Answer:
    project, sent, sha = call.project, call.sent, _commit(call)
    call.needs(DEVELOPER)
    name = sent.get("name") or sent.get("context") or "default"
    ref = sent.get("ref") or _branch_of(project, sha)
    status = next(
        (
            each
            for each in project.statuses
            if (each["sha"], each["name"], each["ref"]) == (sha, name, ref)
            and each["status"] in ("pending", "running")
        ),
        None,
    )
    if status is not None and status["status"] == sent["state"]:
        event = {"pending": "enqueue", "running": "run"}[sent["state"]]
        said = f"Cannot transition status via :{event} from :{status['status']}"
        raise _Refusal(400, message=f'{said} (Reason(s): Status cannot transition via "{event}")')
    for field_name, most in (("target_url", 255), ("description", 255), ("name", 255)):
        if len(sent.get(field_name, "")) > most:
            said = f"is too long (maximum is {most} characters)"
            raise _Refusal(400, message={field_name: [said]})
    if status is None:
        status = {"id": project.number(), "sha": sha, "name": name, "ref": ref}
        project.statuses.append(status)
    status.update(
        status=sent["state"],
        description=sent.get("description"),
        target_url=sent.get("target_url"),
        coverage=sent.get("coverage"),
        pipeline_id=sent.get("pipeline_id"),
        author=call.login.author(),
    )
    return Answer(201, status)


def _commit(call: Call) -> str:
    sha = call.where["sha"]
    if sha not in call.project.shas():
        raise _Refusal(404, message="404 Commit Not Found")
    return sha


def _branch_of(project: Project, sha: str) -> str:
    return next(
        name
        for name, commits in project.branches.items()
        if sha in {each["id"] for each in commits}
    )


def _show_branch(call: Call) -> Answer:
    name = unquote(call.where["branch"])
    if name not in call.project.branches:
        raise _Refusal(404, message="404 Branch Not Found")
    return Answer(200, _branch(call.project, name))


def _branch(project: Project, name: str) -> Thing:
    return {
        "name": name,
        "default": name == project.default_branch,
        "commit": project.branches[name][-1],
    }


def _create_branch(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    if sent["branch"] in project.branches:
        raise _Refusal(400, message="Branch already exists")
    if sent["ref"] not in project.branches:
        raise _Refusal(400, message=f"Invalid reference name: {sent['ref']}")
    _fork(project, sent["branch"], of=sent["ref"])
    return Answer(201, _branch(project, sent["branch"]))


def _fork(project: Project, name: str, *, of: str) -> None:
    project.branches[name] = list(project.branches[of])
    project.files[name] = dict(project.files.get(of, {}))


_ACTIONS = ("create", "update", "delete", "move", "chmod")


def _create_commit(call: Call) -> Answer:
    project, sent = call.project, call.sent
    call.needs(DEVELOPER)
    branch, start, again = sent["branch"], sent.get("start_branch"), sent.get("force", False)
    if branch not in project.branches or (again and start):
        if start not in project.branches:
            said = "You can only create or edit files when you are on a branch"
            raise _Refusal(400, message=said)
        _fork(project, branch, of=start)
    elif start:
        said = f"A branch called '{branch}' already exists. Switch to that branch in order to make changes"
        raise _Refusal(400, message=said)
    files = dict(project.files[branch])
    for action in sent["actions"]:
        _act(files, action)
    project.files[branch] = files
    sha = project.add_commit(branch, message=sent["commit_message"])
    for request in project.merge_requests.values():
        if request["source_branch"] == branch and request["state"] == "opened":
            request["sha"] = sha
    return Answer(201, project.branches[branch][-1])


def _act(files: dict[str, str], action: object) -> None:
    if not isinstance(action, dict) or action.get("action") not in _ACTIONS:
        raise _Refusal(400, error="actions[0][action] does not have a valid value")
    if unknown := action.keys() - {"action", "file_path", "content", "encoding", "previous_path"}:
        raise _Refusal(400, error=f"actions[0][{min(unknown)}] is not known")
    path = action.get("file_path")
    if not isinstance(path, str):
        raise _Refusal(400, error="actions[0][file_path] is missing")
    match action["action"]:
        case "create" if path in files:
            raise _Refusal(400, message="A file with this name already exists")
        case "update" | "delete" if path not in files:
            raise _Refusal(400, message="A file with this name doesn't exist")
        case "delete":
            del files[path]
        case _:
            files[path] = action.get("content", "")


def _list_pipelines(call: Call) -> Answer:
    return _page(call, _filtered(list(reversed(call.project.pipelines)), call.sent))


def _list_jobs(call: Call) -> Answer:
    return _page(call, call.project.jobs.get(int(call.where["pipeline"]), []))


def _filtered(things: Sequence[Thing], sent: Thing) -> list[Thing]:
    """Return what the parameters of a list leave."""

    def fits(thing: Thing) -> bool:
        wanted = sent.get("state", "all")
        text = f"{thing.get('title', '')}\n{thing.get('description', '')}".casefold()
        return (
            (wanted == "all" or thing["state"] == wanted)
            and set(_words(sent.get("labels", ""))) <= set(thing.get("labels", []))
            and ("author_id" not in sent or thing["author"]["id"] == sent["author_id"])
            and sent.get("search", "").casefold() in text
            and all(
                name not in sent or thing.get(name) == sent[name]
                for name in ("source_branch", "target_branch", "sha", "ref", "status")
            )
        )

    return [thing for thing in things if fits(thing)]


def _page(call: Call, things: Sequence[Thing]) -> Answer:
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


# -- the table of routes --------------------------------------------------------------------------

_PAGES = (Parameter("page", int), Parameter("per_page", int))
_FILTERS = (
    *_PAGES,
    Parameter("labels"),
    Parameter("search"),
    Parameter("in"),
    Parameter("scope", of=("created_by_me", "assigned_to_me", "all")),
    Parameter("author_id", int),
    Parameter("order_by", of=("created_at", "updated_at", "title")),
    Parameter("sort", of=("asc", "desc")),
)
_CHANGES = (
    Parameter("title"),
    Parameter("description"),
    Parameter("labels"),
    Parameter("add_labels"),
    Parameter("remove_labels"),
    Parameter("state_event", of=("close", "reopen")),
)
_STATES = ("opened", "closed", "locked", "merged", "all")
_P = r"/projects/(?P<project>[^/]+)"
_MR = _P + r"/merge_requests/(?P<iid>\d+)"
_NOTES = _P + r"/(?P<where>merge_requests|issues)/(?P<iid>\d+)/notes"


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path, what does it, and the parameters that it knows."""

    method: str
    path: str
    do: Callable[[Call], Answer]
    parameters: tuple[Parameter, ...] = ()


ROUTES = (
    Route("GET", "/user", _user),
    Route("GET", "/version", _version),
    Route("GET", _P, _show_project),
    Route(
        "GET",
        _P + "/merge_requests",
        _list_merge_requests,
        (
            *_FILTERS,
            Parameter("state", of=_STATES),
            Parameter("source_branch"),
            Parameter("target_branch"),
        ),
    ),
    Route(
        "POST",
        _P + "/merge_requests",
        _create_merge_request,
        (
            Parameter("source_branch", needed=True),
            Parameter("target_branch", needed=True),
            Parameter("title", needed=True),
            Parameter("description"),
            Parameter("labels"),
            Parameter("remove_source_branch", bool),
            Parameter("squash", bool),
        ),
    ),
    Route("GET", _MR, _show_merge_request),
    Route("GET", _MR + "/versions", _list_versions, _PAGES),
    Route("PUT", _MR, _update_merge_request, (*_CHANGES, Parameter("target_branch"))),
    Route(
        "GET",
        _NOTES,
        _list_notes,
        (
            *_PAGES,
            Parameter("sort", of=("asc", "desc")),
            Parameter("order_by", of=("created_at", "updated_at")),
        ),
    ),
    Route("POST", _NOTES, _create_note, (Parameter("body", needed=True),)),
    Route("GET", _NOTES + r"/(?P<note>\d+)", _show_note),
    Route("DELETE", _NOTES + r"/(?P<note>\d+)", _delete_note),
    Route("PUT", _NOTES + r"/(?P<note>\d+)", _update_note, (Parameter("body", needed=True),)),
    Route("GET", _P + "/issues", _list_issues, (*_FILTERS, Parameter("state", of=_STATES))),
    Route(
        "POST",
        _P + "/issues",
        _create_issue,
        (
            Parameter("title", needed=True),
            Parameter("description"),
            Parameter("labels"),
            Parameter("confidential", bool),
        ),
    ),
    Route("GET", _P + r"/issues/(?P<iid>\d+)", _show_issue),
    Route("PUT", _P + r"/issues/(?P<iid>\d+)", _update_issue, _CHANGES),
    Route("GET", _P + "/labels", _list_labels, _PAGES),
    Route(
        "POST",
        _P + "/labels",
        _create_label,
        (
            Parameter("name", needed=True),
            Parameter("color", needed=True),
            Parameter("description"),
        ),
    ),
    Route(
        "POST",
        _P + r"/statuses/(?P<sha>[0-9a-f]+)",
        _create_status,
        (
            Parameter(
                "state",
                needed=True,
                of=("pending", "running", "success", "failed", "canceled", "skipped"),
            ),
            Parameter("name"),
            Parameter("context"),
            Parameter("ref"),
            Parameter("target_url"),
            Parameter("description"),
            Parameter("coverage", float),
            Parameter("pipeline_id", int),
        ),
    ),
    Route(
        "GET",
        _P + r"/repository/commits/(?P<sha>[0-9a-f]+)/statuses",
        _list_statuses,
        (*_PAGES, Parameter("name"), Parameter("ref"), Parameter("all", bool)),
    ),
    Route("GET", _P + r"/repository/branches/(?P<branch>[^/]+)", _show_branch),
    Route(
        "POST",
        _P + "/repository/branches",
        _create_branch,
        (Parameter("branch", needed=True), Parameter("ref", needed=True)),
    ),
    Route(
        "POST",
        _P + "/repository/commits",
        _create_commit,
        (
            Parameter("branch", needed=True),
            Parameter("commit_message", needed=True),
            Parameter("actions", list, needed=True),
            Parameter("start_branch"),
            Parameter("force", bool),
            Parameter("author_name"),
            Parameter("author_email"),
        ),
    ),
    Route(
        "GET",
        _P + "/pipelines",
        _list_pipelines,
        (*_PAGES, Parameter("sha"), Parameter("ref"), Parameter("status")),
    ),
    Route("GET", _P + r"/pipelines/(?P<pipeline>\d+)/jobs", _list_jobs, _PAGES),
)


def _answer(
    server: GitlabServer, method: str, target: str, headers: dict[str, str], body: bytes
) -> Answer:
    """Return GitLab's answer to a request."""
    parts = urlsplit(target)
    found = [
        (route, match) for route in ROUTES if (match := re.fullmatch(_API + route.path, parts.path))
    ]
    routes = [(route, match) for route, match in found if route.method == method]
    if not found:
        return Answer(404, {"error": "404 Not Found"})
    if not routes:
        return Answer(405, {"error": "405 Not Allowed"})
    route, match = routes[0]
    try:
        login = _login(server, method, headers)
        sent = _checked(route, _sent(parts.query, headers, body))
        url = server.address + parts.path
        return route.do(Call(server, login, sent, match.groupdict(), url))
    except _Refusal as refusal:
        return refusal.answer


def _login(server: GitlabServer, method: str, headers: dict[str, str]) -> Login:
    text = headers.get("private-token") or headers.get("job-token", "")
    login = server.tokens.get(text)
    if login is None or login.of_job or "private-token" not in headers:
        raise _Refusal(401, message="401 Unauthorized")
    wanted = {"api"} if method != "GET" else {"api", "read_api"}
    if not wanted & set(login.scopes):
        raise _Refusal(
            403,
            error="insufficient_scope",
            error_description="The request requires higher privileges than provided by the access token.",
            scope=" ".join(sorted(wanted)),
        )
    return login


def _sent(query: str, headers: dict[str, str], body: bytes) -> Thing:
    sent: Thing = dict(parse_qsl(query, keep_blank_values=True))
    if body:
        if headers.get("content-type", "").partition(";")[0] != "application/json":
            raise _Refusal(406, error="The requested content-type is not supported.")
        try:
            parsed = json.loads(body)
        except ValueError:
            raise _Refusal(400, error="Problems parsing JSON") from None
        if not isinstance(parsed, dict):
            raise _Refusal(400, error="body is invalid")
        sent.update(parsed)
    return sent


def _checked(route: Route, sent: Thing) -> Thing:
    """Return the parameters of a request, each of the kind that its route takes."""
    known = {parameter.name: parameter for parameter in route.parameters}
    for name in sorted(sent.keys() - known.keys()):
        raise _Refusal(400, error=f"{name} is not known")  # GitLab would leave it alone
    missing = [each.name for each in route.parameters if each.needed and each.name not in sent]
    if missing:
        raise _Refusal(400, error=", ".join(f"{name} is missing" for name in missing))
    return {name: _value(known[name], value) for name, value in sent.items()}


def _value(parameter: Parameter, value: object) -> object:
    kind = parameter.kind
    if isinstance(value, str) and kind in (int, float):
        with contextlib.suppress(ValueError):
            value = kind(value)
    if isinstance(value, str) and kind is bool and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    if isinstance(value, int) and kind is float:
        value = float(value)
    if not isinstance(value, kind):
        raise _Refusal(400, error=f"{parameter.name} is invalid")
    if parameter.of and value not in parameter.of:
        raise _Refusal(400, error=f"{parameter.name} does not have a valid value")
    return value


# -- the socket -----------------------------------------------------------------------------------


@contextlib.contextmanager
def gitlab_server() -> Iterator[GitlabServer]:
    """Serve on a free port of this machine for the time of the block."""
    server = GitlabServer()

    class Handler(_Handler):
        gitlab = server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.address = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers from a `GitlabServer`, or with the first of its faults that fits."""

    protocol_version = "HTTP/1.1"
    gitlab: GitlabServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.gitlab.lock:
            sent = json.loads(body) if body.startswith(b"{") else {}
            path = unquote(urlsplit(self.path).path)
            self.gitlab.requests.append(Request(self.command, path, sent))
            faults = self.gitlab.faults
            fault = next((each for each in faults if each.fits(self.command, path)), None)
            if fault is not None:
                faults.remove(fault)
            if fault is None or getattr(fault, "done", False):
                answer = _answer(self.gitlab, self.command, self.path, headers, body)
            else:
                answer = Answer(500, {"message": "500 Internal Server Error"})
        self._send(fault, answer)

    def _send(self, fault: Fault | None, answer: Answer) -> None:
        match fault:
            case None:
                content = b"" if answer.status == 204 else json.dumps(answer.body).encode()
                self._write(answer.status, content, headers=answer.headers)
            case Limited(after=after):
                headers = (("Retry-After", after),) if after is not None else ()
                self._write(429, b"Retry later\n", kind="text/plain", headers=headers)
            case Down(status=status):
                page = b"<html><body><h1>GitLab is not responding</h1></body></html>"
                self._write(status, page, kind="text/html")
            case HangUp():
                self.close_connection = True
            case Silent():
                self.gitlab.ended.wait(60)
                self.close_connection = True
            case Gibberish():
                self._write(200, b"{half of")
            case Moved(to=to):
                self._write(302, b"", headers=(("Location", to),))

    def _write(
        self,
        status: int,
        content: bytes,
        *,
        kind: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
        """Say nothing."""
