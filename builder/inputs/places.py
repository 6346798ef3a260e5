# SPDX-License-Identifier: BSD-3-Clause
"""Where an input may be had: the host's own archives and indexes, and further locations.

Folders of this machine cost nothing to look in and come first. Then comes what the host is
configured for, then the further locations on the web, in the order in which they were given.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
import requests.adapters
import urllib3

from builder.inputs import apt, locations, npm, python_index
from builder.inputs.apt import DebianPackage
from builder.inputs.apt_sources import DebianSourceFile
from builder.inputs.images import registry_of
from builder.inputs.locations import Location, LocationKind
from builder.inputs.lock import Input, NodePackage, PythonArtefact, PythonSdist
from builder.inputs.oci import ImagePart
from builder.inputs.registry import Registry
from builder.recipes.image_reference import ImageReference, ImageSource
from builder.recipes.recipe import Source, SourceKind


@dataclass(frozen=True, slots=True)
class Place:
    """A file of this machine, or an address with the session to ask it in."""

    at: Path | str
    session: requests.Session | None = None


@dataclass
class Mirrors:
    """What this host is configured to use, read once and only if it is needed, and `further` places.

    `requests` sessions are not shared between threads, so each thread has its own.
    """

    further: tuple[Location, ...] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _archives: tuple[str, ...] | None = None
    _proxies: dict[str, str] = field(default_factory=dict)
    _indexes: python_index.Indexes | None = None
    _node_registry: str | None = ""  # empty: not asked yet
    _local: threading.local = field(default_factory=threading.local)
    _unreachable: set[str] = field(default_factory=set)
    _registries: dict[ImageReference, Registry] = field(default_factory=dict)

    def give_up_on(self, url: str) -> None:
        """Ask a server no more: it could not be reached, in several tries, and there are others."""
        if self.further:
            self._unreachable.add(urlsplit(url).netloc)

    def is_given_up(self, url: str) -> bool:
        """Return whether the server of an address could not be reached before."""
        return urlsplit(url).netloc in self._unreachable

    def archives(self) -> tuple[str, ...]:
        """Return the roots of the host's Debian archives."""
        with self._lock:
            if self._archives is None:
                self._archives = apt.archive_urls()
                self._proxies = apt.proxies()
            return self._archives

    def indexes(self) -> python_index.Indexes:
        """Return the host's Python indexes."""
        with self._lock:
            if self._indexes is None:
                self._indexes = python_index.configured()
            return self._indexes

    def registry(self, reference: ImageReference) -> Registry:
        """Return the registry that an image is in."""
        with self._lock:
            if reference not in self._registries:
                self._registries[reference] = registry_of(reference)
            return self._registries[reference]

    def node_registry(self) -> str | None:
        """Return the root of the host's npm registry, if it has one."""
        with self._lock:
            if self._node_registry == "":
                self._node_registry = npm.registry()
            return self._node_registry

    def session(self, kind: str) -> requests.Session:
        """Return this thread's session for `debian`, which has apt's proxies, or for another kind."""
        session: requests.Session | None = getattr(self._local, kind, None)
        if session is None:
            session = requests.Session()
            retries = urllib3.Retry(
                total=5, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504)
            )
            adapter = requests.adapters.HTTPAdapter(max_retries=retries)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            if kind == "debian":
                session.proxies.update(self._proxies)
            elif (certificates := self.indexes().certificates) is not None:
                session.verify = certificates
            setattr(self._local, kind, session)
        return session


def places(item: Input, mirrors: Mirrors) -> Iterator[Place | requests.RequestException]:
    """Yield where an input may be had, in the order to try; for an index that fails, its error."""
    for location in mirrors.further:
        if location.is_local:
            yield from map(Place, locations.files_at(location, item))
    yield from _configured(item, mirrors)
    for location in mirrors.further:
        yield from _remote(item, location, mirrors)


def _configured(item: Input, mirrors: Mirrors) -> Iterator[Place | requests.RequestException]:
    """Yield where the host's configuration has an input."""
    match item:
        case DebianPackage() | DebianSourceFile():
            for archive in mirrors.archives():
                scheme, _, folder = archive.partition(":")
                if scheme not in ("file", "copy"):
                    yield Place(archive + item.path, mirrors.session("debian"))
                elif (Path(folder) / item.path).is_file():
                    yield Place(Path(folder) / item.path)
        case ImagePart():
            if item.origin.reference.source is ImageSource.REGISTRY:
                registry = mirrors.registry(item.origin.reference)
                yield Place(registry.blob_address(item.sha256), registry.session())
        case NodePackage():
            if (root := mirrors.node_registry()) is not None:
                yield Place(root + item.tarball, mirrors.session("web"))
        case Source(kind=SourceKind.URL):
            yield Place(item.location, mirrors.session("web"))
        case _:
            yield from _indexed(item, mirrors.indexes(), mirrors)


def _remote(
    item: Input, location: Location, mirrors: Mirrors
) -> Iterator[Place | requests.RequestException]:
    """Yield where a location on the web may have an input."""
    address = locations.address_at(location, item)
    if address is not None:
        of_apt = location.kind is LocationKind.DEBIAN
        yield Place(address, mirrors.session("debian" if of_apt else "web"))
    elif location.kind is LocationKind.PYTHON:
        yield from _indexed(item, python_index.index_at(location.root), mirrors)


def _indexed(
    item: Input, indexes: python_index.Indexes, mirrors: Mirrors
) -> Iterator[Place | requests.RequestException]:
    """Yield where Python indexes have a wheel or an sdist."""
    session = mirrors.session("python")
    for project, filename in _listed_as(item):
        try:
            place = python_index.locate(
                project, filename, item.sha256, indexes=indexes, session=session
            )
        except requests.RequestException as err:
            yield err
            return
        if place is not None:
            yield Place(place, session)


def _listed_as(item: Input) -> Iterator[tuple[str, str]]:
    """Yield the project and the file names by which an index may list an input."""
    match item:
        case PythonArtefact() | PythonSdist():
            yield item.name, item.filename
        case Source(kind=SourceKind.PYPI_SDIST):
            project, _, version = item.location.partition("==")
            for name in _sdist_names(project, version):
                yield project, name
        case Source(kind=SourceKind.PYPI_WHEEL):
            yield item.location.partition("-")[0], item.location
        case _:
            pass


def _sdist_names(project: str, version: str) -> Sequence[str]:
    """Return the file names an sdist may have: the name as written, and normalised (PEP 625)."""
    names = (project, project.replace("-", "_").replace(".", "_").lower(), project.lower())
    return tuple(dict.fromkeys(f"{name}-{version}.tar.gz" for name in names))
