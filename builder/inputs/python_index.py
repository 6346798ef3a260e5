# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of Python indexes: what they list, and where a named file can be had.

The index, its certificate and its extra places are pip's own configuration on this host. Nothing
that is returned for a lock names one.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import requests
from packaging.utils import canonicalize_name

from builder.inputs.lock import PythonArtefact, PythonSdist
from core import process

if TYPE_CHECKING:
    # It takes as long to load as a small image to pack, and most builds ask no index.
    import pypi_simple

_PAGE_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Indexes:
    """What pip is configured with: indexes, folders of files, pages of links, certificates to trust."""

    pages: tuple[str, ...]
    folders: tuple[Path, ...]
    link_pages: tuple[str, ...]
    certificates: str | None


def configured() -> Indexes:
    """Return the places that this host's pip looks in, its own order: index, extras, folders."""
    listed = process.run(
        [sys.executable, "-m", "pip", "config", "list"], reason="read pip's configuration"
    )
    values: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        key, _, quoted = line.partition("=")
        option = key.rsplit(".", 1)[-1]
        value = str(ast.literal_eval(quoted))
        # the environment comes last and wins, except that extra places add up
        if option in ("extra-index-url", "find-links"):
            values[option] = " ".join((values.get(option, ""), value)).strip()
        else:
            values[option] = value
    pages = [values["index-url"] if "index-url" in values else _public_index()]
    pages += values.get("extra-index-url", "").split()
    if values.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        pages = []
    found = dict.fromkeys(values.get("find-links", "").split())
    remote = tuple(place for place in found if urlsplit(place).scheme in ("http", "https"))
    folders = [Path(unquote(urlsplit(place).path)) for place in found if place not in remote]
    return Indexes(
        pages=tuple(dict.fromkeys(page.rstrip("/") + "/" for page in pages)),
        folders=tuple(dict.fromkeys(folders)),
        link_pages=remote,
        certificates=values.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE"),
    )


def index_at(root: str) -> Indexes:
    """Return one index that pip is not configured with, by its root's address."""
    return Indexes((root.rstrip("/") + "/",), (), (), None)


def locate(
    project: str, filename: str, sha256: str, *, indexes: Indexes, session: requests.Session
) -> str | Path | None:
    """Return the URL or the local file of an artefact, or None where no index has it.

    An index that lists the name with another sha256 is passed over.

    Raises:
        requests.RequestException: no index has it, and one could not be asked.
    """
    found = _find(project, filename, sha256, indexes, session)
    if found is None or isinstance(found, Path):
        return found
    split = urlsplit(found.url)
    return Path(unquote(split.path)) if split.scheme == "file" else found.url


def _find(
    project: str, filename: str, sha256: str, indexes: Indexes, session: requests.Session
) -> pypi_simple.DistributionPackage | Path | None:
    """Return the file in a folder, or an index's entry of it, or None where there is neither."""
    trouble: requests.RequestException | None = None
    for folder in indexes.folders:
        if (folder / filename).is_file():
            return folder / filename
    own_pages = tuple(f"{page}{canonicalize_name(project)}/" for page in indexes.pages)
    for url in (*indexes.link_pages, *own_pages):
        try:
            listing = _listing(project, url, session)
        except requests.RequestException as err:
            trouble = err
            continue
        for package in listing.packages if listing else ():
            if package.filename == filename and package.digests.get("sha256", sha256) == sha256:
                return package
    if trouble is not None:
        raise trouble
    return None


def fault_of(
    artefact: PythonArtefact | PythonSdist, *, indexes: Indexes, session: requests.Session
) -> str | None:
    """Return why an artefact should be locked anew: it was withdrawn (PEP 592), or is in no index.

    Raises:
        requests.RequestException: no index has it, and one could not be asked.
    """
    known = f"{artefact.name} {artefact.version} ({artefact.filename})"
    found = _find(artefact.name, artefact.filename, artefact.sha256, indexes, session)
    if found is None:
        return f"{known} is in no index any more"
    if not isinstance(found, Path) and found.is_yanked:
        why = f": {found.yanked_reason}" if found.yanked_reason else ""
        return f"{known} was withdrawn by its makers{why}"
    return None


def _public_index() -> str:
    """Return the index that pip asks where it is configured with none."""
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT


def _listing(project: str, url: str, session: requests.Session) -> pypi_simple.ProjectPage | None:
    """Return an index's page of one project (PEP 503 or PEP 691), or None where it has none."""
    import pypi_simple

    if url.startswith("file:"):
        page = Path(unquote(urlsplit(url).path)) / "index.html"
        if not page.is_file():
            return None
        text = page.read_text(encoding="utf-8")
        return pypi_simple.ProjectPage.from_html(project, text, base_url=url)
    response = session.get(url, headers={"Accept": pypi_simple.ACCEPT_ANY}, timeout=_PAGE_TIMEOUT_S)
    if response.status_code == requests.codes.not_found:
        return None
    response.raise_for_status()
    try:
        return pypi_simple.ProjectPage.from_response(response, project)
    except (ValueError, pypi_simple.UnsupportedRepoVersionError) as err:
        raise requests.exceptions.InvalidJSONError("no page of an index") from err


@dataclass(frozen=True, slots=True)
class Listed:
    """A wheel or an sdist that an index lists; `requires_python` is a version specifier."""

    version: str
    filename: str
    sha256: str
    requires_python: str
    is_sdist: bool


def listed(project: str, *, indexes: Indexes, session: requests.Session) -> tuple[Listed, ...]:
    """Return what there is of a project, of all versions, that is not withdrawn and has a sha256.

    Raises:
        requests.RequestException: an index could not be asked.
    """
    found: dict[str, Listed] = {}
    for page in indexes.pages:
        listing = _listing(project, f"{page}{canonicalize_name(project)}/", session)
        for package in listing.packages if listing else ():
            digest = package.digests.get("sha256")
            if package.package_type not in ("sdist", "wheel") or package.is_yanked or not digest:
                continue
            item = Listed(
                str(package.version),
                package.filename,
                digest,
                package.requires_python or "",
                package.package_type == "sdist",
            )
            found.setdefault(package.filename, item)
    return tuple(found.values())


def withdrawn(
    project: str, *, indexes: Indexes, session: requests.Session
) -> Mapping[str, str] | None:
    """Return the versions of a project whose files were all withdrawn (PEP 592), each with the reason.

    The reason is empty where none is given. None says that no index has the project.

    Raises:
        requests.RequestException: an index could not be asked.
    """
    files: dict[str, list[tuple[bool, str]]] = {}
    for page in indexes.pages:
        listing = _listing(project, f"{page}{canonicalize_name(project)}/", session)
        for package in listing.packages if listing else ():
            said = (package.is_yanked, package.yanked_reason or "")
            files.setdefault(str(package.version), []).append(said)
    if not files:
        return None
    return {version: said[0][1] for version, said in files.items() if all(gone for gone, _ in said)}


def sdists(project: str, *, indexes: Indexes, session: requests.Session) -> tuple[Listed, ...]:
    """Return the sdists among what is `listed` of a project.

    Raises:
        requests.RequestException: an index could not be asked.
    """
    return tuple(
        item for item in listed(project, indexes=indexes, session=session) if item.is_sdist
    )
