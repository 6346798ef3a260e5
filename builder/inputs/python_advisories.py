# SPDX-License-Identifier: BSD-3-Clause
"""What a Python index knows of vulnerabilities of a release: the field `vulnerabilities` of its JSON API.

The form is that of the JSON API which PyPI documents: `<root>/pypi/<project>/<version>/json` has a list, each
with `id`, `aliases`, `summary`, `details`, `fixed_in` and `withdrawn`. The API is PyPI's own and no standard:
an index or a mirror that serves packages need not have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from packaging.utils import canonicalize_name

from builder.inputs.python_index import Indexes

_TIMEOUT_S = 60
_SIMPLE = "/simple/"


@dataclass(frozen=True, slots=True)
class PythonAdvisory:
    """An advisory about a release: its id and other names of it, and the versions that mend it."""

    names: tuple[str, ...]
    summary: str
    fixed_in: tuple[str, ...]


def advisories(
    project: str, version: str, *, indexes: Indexes, session: requests.Session
) -> tuple[PythonAdvisory, ...] | None:
    """Return what the indexes know of a release; None where none of them has an answer.

    What was withdrawn is left out.

    Raises:
        requests.RequestException: no index has an answer, and one could not be asked.
    """
    trouble: requests.RequestException | None = None
    for page in indexes.pages:
        if not page.startswith(("http://", "https://")) or not page.endswith(_SIMPLE):
            continue
        root = page.removesuffix(_SIMPLE)
        url = f"{root}/pypi/{canonicalize_name(project)}/{quote(version, safe='')}/json"
        try:
            found = _answer(session.get(url, timeout=_TIMEOUT_S))
        except requests.RequestException as err:
            trouble = err
            continue
        if found is not None:
            return found
    if trouble is not None:
        raise trouble
    return None


def _answer(response: requests.Response) -> tuple[PythonAdvisory, ...] | None:
    if response.status_code in (requests.codes.not_found, requests.codes.gone):
        return None
    response.raise_for_status()
    data = response.json()
    listed = data.get("vulnerabilities") if isinstance(data, Mapping) else None
    if not isinstance(listed, list):
        return None  # an index that leaves the field out says nothing
    try:
        return tuple(_advisory(each) for each in listed if not each.get("withdrawn"))
    except (AttributeError, KeyError, TypeError) as err:
        raise requests.exceptions.InvalidJSONError("no advisory of an index") from err


def _advisory(each: Mapping[str, Any]) -> PythonAdvisory:
    names = dict.fromkeys((str(each["id"]), *map(str, each.get("aliases") or ())))
    summary = str(each.get("summary") or each.get("details") or "")
    return PythonAdvisory(
        tuple(names), " ".join(summary.split())[:200], tuple(map(str, each.get("fixed_in") or ()))
    )
