# SPDX-License-Identifier: BSD-3-Clause
"""The adapter of Python indexes: what pip resolves, and where a named file can be had.

The index, its certificate and its extra places are pip's own configuration on this host. Nothing
that is returned for a lock names one.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pypi_simple
import requests
from packaging.utils import canonicalize_name

from builder.inputs.lock import PythonArtefact
from core import process
from core.errors import UserError
from core.process import Completed

PYTHON = (3, 11)  # Debian 12's
GLIBC_MINOR = 36  # Debian 12's glibc is 2.36
_PAGE_TIMEOUT_S = 60


class Contradiction(UserError):
    """Versions do not get along with one another; `names` are the projects that pip blames."""

    def __init__(self, message: str, *, hint: str, names: frozenset[str]) -> None:
        super().__init__(message, hint=hint)
        self.names = names


def resolve(
    requirements: Sequence[str], kept: Mapping[str, str] | None = None
) -> tuple[PythonArtefact, ...]:
    """Return every wheel that installing `requirements` into an empty environment takes.

    Resolved by pip for CPython 3.11 on x86-64 Linux with the glibc of Debian 12.

    Args:
        requirements: what is asked for.
        kept: projects and their versions that are to be in the environment as well.

    Raises:
        Contradiction: the requirements contradict each other or what is `kept`.
        UserError: pip finds no set of wheels, or this program runs on another Python.
    """
    kept = kept or {}
    if not requirements:
        return ()
    if sys.version_info[:2] != PYTHON or platform.machine() != "x86_64":
        raise UserError(
            f"Python requirements are locked with Python {PYTHON[0]}.{PYTHON[1]} on x86-64, "
            f"this is {platform.python_version()} on {platform.machine()}",
            hint="run 'pansoft lock' on Debian 12, or in a container of it",
        )
    with tempfile.TemporaryDirectory(prefix="pansoft-lock-") as folder:
        report = Path(folder) / "report.json"
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={kept[name]}\n" for name in sorted(kept)))
        done = process.run(
            [
                *_pip(), "install", "--dry-run", "--ignore-installed", "--no-input",
                "--report", report, "--target", Path(folder) / "target",
                "--constraint", constraints,
                "--only-binary", ":all:", *_target_tags(), *requirements, *sorted(kept),
            ],
            reason=f"resolve {' '.join(requirements)}",
            timeout_s=1200,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise _unresolved(requirements, done)
        items = json.loads(report.read_bytes())["install"]
    return tuple(sorted((_artefact(item) for item in items), key=lambda a: a.name))


def _unresolved(requirements: Sequence[str], done: Completed) -> UserError:
    """Return the error of a failed resolution; pip names what stands in its way."""
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    message = f"pip cannot resolve {' '.join(requirements)}: {' '.join(said) or done.stderr}"
    hint = (
        "every requirement must have a wheel for CPython 3.11; a project that has only an sdist "
        "goes under build.sources"
    )
    constraint = r"^ +The user requested \(constraint\) ([^\s=]+)=="
    dependent = r"^ +(\S+) \S+ depends on "
    for blamed in (constraint, dependent):  # the second, where what is kept wants another version
        if names := re.findall(blamed, done.stdout, flags=re.MULTILINE):
            return Contradiction(message, hint=hint, names=frozenset(map(canonicalize_name, names)))
    return UserError(message, hint=hint)


def _artefact(item: dict[str, dict[str, dict[str, dict[str, str]]]]) -> PythonArtefact:
    """Return one entry of pip's installation report (its format version 1)."""
    download, metadata = item["download_info"], item["metadata"]
    url, hashes = str(download["url"]), download["archive_info"].get("hashes", {})
    name = canonicalize_name(str(metadata["name"]))
    if "sha256" not in hashes:
        raise UserError(f"the index gives no sha256 for {name}", hint="use an index that does")
    return PythonArtefact(
        name=name,
        version=str(metadata["version"]),
        filename=unquote(urlsplit(url).path.rsplit("/", 1)[-1]),
        sha256=hashes["sha256"],
    )


def _pip() -> list[str]:
    return [sys.executable, "-m", "pip"]


def _target_tags() -> list[str]:
    """Return the options that name Debian 12's Python, newest platform tags first (PEP 600)."""
    tags = [f"manylinux_2_{minor}_x86_64" for minor in range(GLIBC_MINOR, 4, -1)]
    tags += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    version = f"{PYTHON[0]}{PYTHON[1]}"
    options = ["--python-version", version, "--implementation", "cp"]
    for abi in (f"cp{version}", "abi3", "none"):
        options += ["--abi", abi]
    for tag in tags:
        options += ["--platform", tag]
    return options


@dataclass(frozen=True, slots=True)
class Indexes:
    """What pip is configured with: indexes, folders of files, pages of links, certificates to trust."""

    pages: tuple[str, ...]
    folders: tuple[Path, ...]
    link_pages: tuple[str, ...]
    certificates: str | None


def configured() -> Indexes:
    """Return the places that this host's pip looks in, its own order: index, extras, folders."""
    listed = process.run([*_pip(), "config", "list"], reason="read pip's configuration")
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
    pages = [values.get("index-url", pypi_simple.PYPI_SIMPLE_ENDPOINT)]
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
    if not isinstance(found, pypi_simple.DistributionPackage):
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
    artefact: PythonArtefact, *, indexes: Indexes, session: requests.Session
) -> str | None:
    """Return why an artefact should be locked anew: it was withdrawn (PEP 592), or is in no index.

    Raises:
        requests.RequestException: no index has it, and one could not be asked.
    """
    known = f"{artefact.name} {artefact.version} ({artefact.filename})"
    found = _find(artefact.name, artefact.filename, artefact.sha256, indexes, session)
    if found is None:
        return f"{known} is in no index any more"
    if isinstance(found, pypi_simple.DistributionPackage) and found.is_yanked:
        why = f": {found.yanked_reason}" if found.yanked_reason else ""
        return f"{known} was withdrawn by its makers{why}"
    return None


def _listing(project: str, url: str, session: requests.Session) -> pypi_simple.ProjectPage | None:
    """Return an index's page of one project (PEP 503 or PEP 691), or None where it has none."""
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
