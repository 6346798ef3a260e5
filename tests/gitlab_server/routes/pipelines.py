# SPDX-License-Identifier: BSD-3-Clause
"""Pipelines, their jobs, the pipelines that they start, and files that jobs left."""

from __future__ import annotations

from urllib.parse import unquote

from tests.gitlab_server.calls import (
    PAGES,
    PROJECT,
    Answer,
    Call,
    File,
    Parameter,
    Refusal,
    Route,
    page,
)
from tests.gitlab_server.routes.texts import (
    filtered,
)


def _list_pipelines(call: Call) -> Answer:
    return page(call, filtered(list(reversed(call.project.pipelines)), call.sent))


def _list_jobs(call: Call) -> Answer:
    return page(call, call.project.jobs.get(int(call.where["pipeline"]), []))


def _list_bridges(call: Call) -> Answer:
    return page(call, call.project.bridges.get(int(call.where["pipeline"]), []))


def _show_artifact(call: Call) -> Answer:
    files = call.project.artifacts.get(int(call.where["job"]))
    content = (files or {}).get(unquote(call.where["path"]))
    if content is None:
        raise Refusal(404, message="404 Not Found")
    return Answer(200, File(content))


def _show_log(call: Call) -> Answer:
    log = call.project.logs.get(int(call.where["job"]))
    if log is None:
        raise Refusal(404, message="404 Not found")
    return Answer(200, File(log.encode()))


ROUTES = (
    Route("GET", PROJECT + r"/jobs/(?P<job>\d+)/trace", _show_log),
    Route(
        "GET",
        PROJECT + "/pipelines",
        _list_pipelines,
        (*PAGES, Parameter("sha"), Parameter("ref"), Parameter("status")),
    ),
    Route("GET", PROJECT + r"/pipelines/(?P<pipeline>\d+)/jobs", _list_jobs, PAGES),
    Route("GET", PROJECT + r"/pipelines/(?P<pipeline>\d+)/bridges", _list_bridges, PAGES),
    Route("GET", PROJECT + r"/jobs/(?P<job>\d+)/artifacts/(?P<path>.+)", _show_artifact, ()),
)
