# SPDX-License-Identifier: BSD-3-Clause
"""What went wrong with a request: whether it may have been carried out, and how to say it."""

from __future__ import annotations

import requests
from gitlab.exceptions import GitlabError, GitlabParsingError

from core.errors import UserError

_SAID_LENGTH = 300
_LOST = frozenset({500, 502, 503, 504, *range(520, 531)})
LIMITED = 429


class GitlabFailed(UserError):
    """GitLab did not do what it was asked; says what that was and what to do."""


def status_of(err: Exception) -> int | None:
    """Return the status that GitLab answered with; None where there was no answer."""
    return err.response_code if isinstance(err, GitlabError) else None


def is_lost(err: Exception) -> bool:
    """Return whether nobody knows what became of a request."""
    if isinstance(err, GitlabParsingError) or status_of(err) in _LOST:
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


def is_there_already(err: Exception) -> bool:
    """Return whether somebody else was faster with what was to be created."""
    return status_of(err) == 409 or (
        status_of(err) == 400 and "Cannot transition status" in body_of(err)
    )


def what(err: Exception) -> str:
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
        case GitlabError() if err.response_code == LIMITED:
            return "GitLab answers 429, too many requests"
        case GitlabError() if err.response_code in _LOST:
            return f"GitLab answers {err.response_code}"
        case GitlabError():
            said = "".join(each if each.isprintable() else " " for each in str(err.error_message))
            return f"GitLab answers {err.response_code}: {said[:_SAID_LENGTH]}"
        case _:
            return f"the request failed ({type(err).__name__})"


def hint_at(err: Exception, variable: str) -> str:
    """Return what to do about it; `variable` is where the token was read."""
    match status_of(err):
        case 401:
            return (
                f"{variable} needs a project access token with the scope api and the role Developer "
                "that has not expired; the token of a job cannot do this"
            )
        case 403 if "insufficient_scope" in body_of(err):
            return f"make a token with the scope api and put it into {variable}"
        case 403:
            return f"the owner of the token in {variable} needs the role Developer in the project"
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
        case _ if is_lost(err):
            return (
                "see whether GitLab can be reached, and run the job again: nothing is posted twice"
            )
        case _:
            return "the answer says what GitLab does not accept"


def body_of(err: Exception) -> str:
    """Return the beginning of what GitLab answered."""
    body = err.response_body if isinstance(err, GitlabError) else None
    return (body or b"")[:4096].decode("utf-8", "replace")
