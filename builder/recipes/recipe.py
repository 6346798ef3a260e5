# SPDX-License-Identifier: BSD-3-Clause
"""A recipe as the rest of the program knows it: one frozen value per part of `recipe.yaml`.

These types say what a recipe is; `builder.recipes.schema` says what may be written in one, and
`builder.recipes.load` is the only place that makes a `Recipe` from a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from builder.recipes.folders import is_kept, key_of
from builder.recipes.image_reference import ImageReference


class Redistribution(StrEnum):
    """Who may be given the package: everybody, partners under an agreement, nobody."""

    ALLOWED = "allowed"
    PARTNERS = "partners"
    FORBIDDEN = "forbidden"


class Install(StrEnum):
    """Who may make the image: whoever publishes it, or each site from the download of its licence."""

    PUBLISHER = "publisher"
    SITE = "site"


class SourceKind(StrEnum):
    """How a source archive is named: by a URL, or by a registry's name for it, without a host.

    A `download` is the file of a licence holder; it stands in plans and never in a recipe or a lock.
    """

    URL = "url"
    PYPI_SDIST = "pypi-sdist"
    PYPI_WHEEL = "pypi-wheel"
    DEBIAN_SOURCE = "debian-source"
    DOWNLOAD = "download"


class TestKind(StrEnum):
    """What a test needs around it."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    COMMAND = "command"
    IMPORT = "import"
    GUI = "gui"
    NOTEBOOK = "notebook"
    GPU = "gpu"
    MPI = "mpi"
    SMOKE = "smoke"
    """Of every package, without being written: its commands start, its modules find their libraries."""


class Delivery(StrEnum):
    """The form in which a package is published."""

    IMAGE = "image"
    TREE = "tree"
    BOTH = "both"


class Channel(StrEnum):
    """Where a published version is visible."""

    TESTING = "testing"
    STABLE = "stable"


class Need(StrEnum):
    """Whether a package uses a thing: not at all, if it is there, or only with it."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class License:
    """The licence as an SPDX expression, whom the package may be given to, and how that is known."""

    spdx: str
    redistribution: Redistribution
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Maintainer:
    """A person who looks after the recipe."""

    name: str
    email: str | None = None
    orcid: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A source archive with its sha256; `location` is a URL, `name==version`, a wheel or `name=version`."""

    kind: SourceKind
    location: str
    sha256: str

    @property
    def filename(self) -> str:
        """Return the name the archive has in the build's `sources` folder.

        That of a Debian source is the archive's own, so it is known when it is locked.
        """
        match self.kind:
            case SourceKind.URL:
                return self.location.rsplit("/", 1)[-1]
            case SourceKind.PYPI_SDIST:
                return self.location.replace("==", "-") + ".tar.gz"
            case SourceKind.DEBIAN_SOURCE:
                return self.location.replace("=", "_")
            case SourceKind.PYPI_WHEEL | SourceKind.DOWNLOAD:
                return self.location


@dataclass(frozen=True, slots=True)
class Download:
    """A file that only a licence holder may download: a pattern of its name, and sha256s of those
    that somebody has built from before.
    """

    file: str
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteInstall:
    """How the holder of a licence comes by the software: what they agree to, where they register,
    what they download.
    """

    terms: str
    registration: str
    download: tuple[Download, ...]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of the recipe's folder that goes into the image."""

    source: str
    target: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Limits:
    """What a build may take: `time` in minutes, `memory` and `disk` in MiB.

    The defaults are here and nowhere else: enough for all but a few packages on a small machine.
    """

    time: int = 60
    memory: int = 8192
    disk: int = 20480

    def capped(self, ceiling: Limits) -> Limits:
        """Return these limits, none of them above the ceiling's."""
        return Limits(
            min(self.time, ceiling.time),
            min(self.memory, ceiling.memory),
            min(self.disk, ceiling.disk),
        )


DEFAULT_LIMITS = Limits()
NO_LIMIT = 16777216
"""More than any build asks for, in whatever unit."""
UNLIMITED = Limits(NO_LIMIT, NO_LIMIT, NO_LIMIT)


@dataclass(frozen=True, slots=True)
class Build:
    """What goes into the image: Debian packages, Python requirements, archives, files, a script.

    `tools` are Debian packages that only the script needs; they are taken out again after it.
    """

    apt: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    npm: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    files: tuple[LocalFile, ...] = ()
    script: str | None = None
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Command:
    """A command that users get; `run` is the program inside the image, with first arguments."""

    name: str
    run: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file that a test has to leave, of at least so many bytes; `pattern` is in its text."""

    path: str
    pattern: str | None = None
    size: int = 1


@dataclass(frozen=True, slots=True)
class Test:
    """A proof that the package works: what is run and what it has to print and to leave.

    Args:
        run: a shell script; for `gui` it shows a window, for `mpi` it is run by every process.
        expect: texts that both outputs together hold.
        status: with which `run` ends.
        stdout: a regular expression that is found in the standard output.
        stderr: the same for standard error.
        files: what is there afterwards.
        prepare: a shell script that is run before.
        window: the title of the window that a graphical program shows: a regular expression.
        modules: what Python imports.
        cell: what the notebook's kernel runs.
        timeout_s: how long it may take, where the kind's own limit does not fit.
    """

    __test__ = False

    name: str
    kind: TestKind
    run: str | None = None
    expect: tuple[str, ...] = ()
    status: int = 0
    stdout: str | None = None
    stderr: str | None = None
    files: tuple[ExpectedFile, ...] = ()
    prepare: str | None = None
    window: str | None = None
    modules: tuple[str, ...] = ()
    cell: str | None = None
    timeout_s: int | None = None


@dataclass(frozen=True, slots=True)
class Desktop:
    """A menu entry: which command it starts, its icon and its menu categories."""

    command: str
    title: str
    icon: str | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Jupyter:
    """A notebook kernel: its name in the notebook's menu and the interpreter in the image."""

    display_name: str
    python: str
    language: str = "python"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What the package can and needs at run time; `memory` in MiB, `time` in minutes."""

    gpu: Need = Need.NONE
    mpi: bool = False
    cpus: int = 1
    memory: int | None = None
    time: int | None = None
    desktop: Desktop | None = None
    jupyter: Jupyter | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Where a merge publishes to, who answers for it, and until when."""

    channel: Channel = Channel.TESTING
    owner: str | None = None
    supported_until: str | None = None
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """One package, as its `recipe.yaml` says; `folder` is where that file is.

    `licence_text` is the file of that folder with the words of the licence; `site` is there where
    `install` is `site`.
    """

    folder: Path
    name: str
    version: str
    title: str
    summary: str
    description: str
    homepage: str
    license: License
    maintainers: tuple[Maintainer, ...]
    base: str
    build: Build
    tests: tuple[Test, ...]
    source: str | None = None
    documentation: str | None = None
    citation: str | None = None
    facilities: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    commands: tuple[Command, ...] = ()
    runtime: Runtime = Runtime()
    delivery: Delivery = Delivery.IMAGE
    release: Release = Release()
    retire: str | None = None
    install: Install = Install.PUBLISHER
    site: SiteInstall | None = None
    licence_text: str | None = None

    @property
    def key(self) -> str:
        """Return what a command line calls it: NAME, or NAME@VERSION beside a current version."""
        return key_of(self.folder)

    @property
    def is_kept(self) -> bool:
        """Return whether it is kept beside the current version of the package."""
        return is_kept(self.folder)

    @property
    def file(self) -> Path:
        """Return the recipe's file."""
        return self.folder / "recipe.yaml"

    @property
    def lock_file(self) -> Path:
        """Return the recipe's lock."""
        return self.folder / "lock.json"


@dataclass(frozen=True, slots=True)
class BaseRecipe:
    """A base: the root file system that package images share, as its `base.yaml` says.

    It begins with the minimal system of the Debian `suite` or with a container `image`, or stands
    `on` another base and is a layer over it. `apt` and `pip` are what is in it beyond that,
    `environment` what programs see.
    """

    folder: Path
    name: str
    title: str
    summary: str
    suite: str | None
    apt: tuple[str, ...]
    maintainers: tuple[Maintainer, ...]
    on: str | None = None
    pip: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    image: ImageReference | None = None

    @property
    def file(self) -> Path:
        """Return the base's file."""
        return self.folder / "base.yaml"

    @property
    def lock_file(self) -> Path:
        """Return the base's lock."""
        return self.folder / "lock.json"
