# SPDX-License-Identifier: BSD-3-Clause
"""What GitLab answers to a request: one module for each kind of thing, each with its `ROUTES`."""

from __future__ import annotations

import contextlib
import json
import re
from urllib.parse import parse_qsl, urlsplit

from tests.gitlab_server.calls import Answer, Call, Parameter, Refusal, Route
from tests.gitlab_server.routes import (
    basics,
    issues,
    labels,
    merge_requests,
    notes,
    pipelines,
    repository,
    statuses,
)
from tests.gitlab_server.server import GitlabServer
from tests.gitlab_server.state import Login, Thing

_API = "/api/v4"
ROUTES = (
    *basics.ROUTES,
    *merge_requests.ROUTES,
    *notes.ROUTES,
    *issues.ROUTES,
    *labels.ROUTES,
    *statuses.ROUTES,
    *repository.ROUTES,
    *pipelines.ROUTES,
)


def answer(
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
    except Refusal as refusal:
        return refusal.answer


def _login(server: GitlabServer, method: str, headers: dict[str, str]) -> Login:
    text = headers.get("private-token") or headers.get("job-token", "")
    login = server.tokens.get(text)
    if login is None or login.of_job or "private-token" not in headers:
        raise Refusal(401, message="401 Unauthorized")
    wanted = {"api"} if method != "GET" else {"api", "read_api"}
    if not wanted & set(login.scopes):
        raise Refusal(
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
            raise Refusal(406, error="The requested content-type is not supported.")
        try:
            parsed = json.loads(body)
        except ValueError:
            raise Refusal(400, error="Problems parsing JSON") from None
        if not isinstance(parsed, dict):
            raise Refusal(400, error="body is invalid")
        sent.update(parsed)
    return sent


def _checked(route: Route, sent: Thing) -> Thing:
    """Return the parameters of a request, each of the kind that its route takes."""
    known = {parameter.name: parameter for parameter in route.parameters}
    for name in sorted(sent.keys() - known.keys()):
        raise Refusal(400, error=f"{name} is not known")  # GitLab would leave it alone
    missing = [each.name for each in route.parameters if each.needed and each.name not in sent]
    if missing:
        raise Refusal(400, error=", ".join(f"{name} is missing" for name in missing))
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
        raise Refusal(400, error=f"{parameter.name} is invalid")
    if parameter.of and value not in parameter.of:
        raise Refusal(400, error=f"{parameter.name} does not have a valid value")
    return value
