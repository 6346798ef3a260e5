# SPDX-License-Identifier: BSD-3-Clause
"""What a source archive says about the program in it: how it is built, its licence, its commands."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from builder.recipes.build_systems import (
    LIBRARIES,
    BuildSystem,
    Stated,
    build_system_of,
    libraries_of,
)
from builder.recipes.facts import Facts, SourceArchive
from builder.recipes.licence_texts import Licence, licence_of
from builder.recipes.source_tree import SourceTree, read_archive
from core import spdx
from core.errors import UserError
from core.files import sha256_file

MAX_BYTES = 2 << 30
_TIMEOUT_S = (20, 120)
_BLOCK = 1 << 20
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_NAME = re.compile(
    r"(?P<name>.+?)[-_.]?v?(?P<version>[0-9]+(?:\.[0-9A-Za-z]+)*(?:[-.]?(?:rc|a|b|beta|alpha)[0-9]*)?)"
    r"(?:[-_.](?:src|source|orig|full))?\Z"
)
_ENDING = re.compile(r"\.(tar(\.(gz|bz2|xz|lzma))?|tgz|tbz2?|txz|zip)\Z", re.IGNORECASE)
_LICENCE_FILE = re.compile(r"(LICEN[CS]ES?|COPYING|UNLICENSE)([._-].*)?\Z", re.IGNORECASE)
_PKG_CONFIG = re.compile(r"pkg_check_modules|PKG_CHECK|\bdependency\s*\(\s*'", re.IGNORECASE)
_DESKTOP = {"qt5", "qt6", "gtk", "gtk3", "wxwidgets", "opengl", "x11", "sdl2", "gtk+-3.0", "glfw3"}
_UNPACKERS = {".bz2": ("bzip2",), ".tbz": ("bzip2",), ".tbz2": ("bzip2",), ".xz": ("xz-utils",),
              ".txz": ("xz-utils",), ".lzma": ("xz-utils",), ".zip": ("unzip",)}  # fmt: skip


def facts(location: str) -> Facts:
    """Return what a source archive says.

    Args:
        location: where it is: an address that begins with https://, or a file of this machine. An
            address of this machine itself may begin with http://.

    Raises:
        UserError: it cannot be had, is no archive, or nothing in it tells how it is built.
    """
    with tempfile.TemporaryDirectory(prefix="pansoft-new-") as folder:
        url, name = _address(location)
        file = _downloaded(url, Path(folder) / "archive") if url else _local(location)
        tree = read_archive(file, name=name)
        public = url if url and url.startswith("https://") else None
        return described(tree, SourceArchive(public, name, sha256_file(file)))


def _address(location: str) -> tuple[str | None, str]:
    """Return the URL, or None for a file of this machine, and the archive's name."""
    parts = urlsplit(location)
    name = unquote(PurePosixPath(parts.path).name)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+.~!_-]*", name):
            raise UserError(
                f"the address {location} does not end with the name of a file",
                hint="give the address of the archive itself, for instance …/name-1.2.tar.gz",
            )
        return location, name
    if parts.scheme not in ("", "file"):
        raise UserError(
            f"an archive does not come by {parts.scheme}: {location}",
            hint="give an address that begins with https://, or a file of this machine",
        )
    return None, name


def _local(location: str) -> Path:
    parts = urlsplit(location)
    file = Path(unquote(parts.path)) if parts.scheme == "file" else Path(location)
    if not file.is_file():
        raise UserError(f"there is no file {file}", hint="look at the path of the archive")
    return file


def _downloaded(url: str, file: Path) -> Path:
    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_S) as answer:
            answer.raise_for_status()
            if answer.url.startswith("http://") and not url.startswith("http://"):
                raise UserError(f"{url} leads to an address without https: {answer.url}")
            size = 0
            with file.open("wb") as stream:
                for block in answer.iter_content(_BLOCK):
                    size += len(block)
                    if size > MAX_BYTES:
                        raise UserError(f"{url} is larger than {MAX_BYTES >> 30} GB")
                    stream.write(block)
    except requests.RequestException as err:
        raise UserError(
            f"{url} cannot be downloaded: {err}",
            hint="look at the address in a browser; a file that you have works as well: "
            "--from-source FILE",
        ) from err
    return file


def described(tree: SourceTree, archive: SourceArchive) -> Facts:
    """Return what the files of a source archive say.

    Raises:
        UserError: nothing at the top of the archive tells how it is built.
    """
    system = build_system_of(tree)
    if system is None:
        raise UserError(
            f"nothing in {tree.archive} tells how it is built: no CMakeLists.txt, configure, "
            "meson.build, Cargo.toml, pyproject.toml or Makefile",
            hint="begin with 'pansoft new NAME' and write build.sources and build.script",
        )
    stated = system.stated(tree)
    title, version = _named(tree)
    licence = _licence(tree, stated)
    known, others = libraries_of(tree)
    source = stated.source or _repository(archive.url)
    return Facts(
        title=title,
        version=stated.version or version,
        summary=_sentence(stated.summary or _from_readme(tree)),
        homepage=stated.homepage or source,
        source=source,
        license=licence.spdx,
        license_note=licence.note,
        evidence=f"{_licence_file(tree) or 'the sources'} in {tree.archive}",
        base="debian-12-desktop" if _DESKTOP & set(others) else system.base,
        apt=tuple(sorted({LIBRARIES[name][1] for name in known})),
        tools=_tools(tree, system, known),
        archives=(archive,),
        script=_script(tree, system),
        commands=stated.commands,
        remarks=tuple(_remarks(system, stated, others, archive)),
    )


def _named(tree: SourceTree) -> tuple[str, str | None]:
    """Return the program's name and version, as its folder or the archive is called."""
    stem = _ENDING.sub("", tree.archive)
    for text in (tree.top, stem):
        if (match := _NAME.fullmatch(text)) is not None:
            return match["name"], match["version"]
    return tree.top or stem, None


def _licence_file(tree: SourceTree) -> str | None:
    return next((file for file in sorted(tree.texts) if _LICENCE_FILE.match(file)), None)


def _licence(tree: SourceTree, stated: Stated) -> Licence:
    if stated.license and spdx.parse(stated.license).is_valid:
        return Licence(stated.license, stated.license)
    texts = [text for file, text in sorted(tree.texts.items()) if _LICENCE_FILE.match(file)]
    return licence_of(texts, tree.heads.values())


def _from_readme(tree: SourceTree) -> str | None:
    """Return the first sentence of a README that is one: no heading, badge, list or markup."""
    readme = next((file for file in sorted(tree.texts) if file.upper().startswith("README")), None)
    for paragraph in re.split(r"\n\s*\n", tree.texts.get(readme or "", "")):
        line = " ".join(re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", paragraph).split())
        if re.match(r"[A-Z`*][^|<>]{20,}", line) and not re.search(r"={3}|-{3}|!\[|\.\. ", line):
            return line.replace("`", "").replace("*", "")
    return None


def _sentence(text: str | None) -> str | None:
    if not text:
        return None
    line = " ".join(text.split())
    return re.split(r"(?<=[a-z)]\.)\s", line)[0]


def _repository(url: str | None) -> str | None:
    """Return the address of the repository that an archive's address is of, where one is known."""
    match = re.match(r"https://(github\.com|gitlab\.com)/([^/]+)/([^/]+)/", url or "")
    return f"https://{match[1]}/{match[2]}/{match[3]}" if match else None


def _tools(tree: SourceTree, system: BuildSystem, known: tuple[str, ...]) -> tuple[str, ...]:
    unpacker = _UNPACKERS.get(PurePosixPath(tree.archive).suffix.lower(), ())
    more = ("pkg-config",) if any(map(_PKG_CONFIG.search, tree.texts.values())) else ()
    development = [LIBRARIES[name][0] for name in known]
    return tuple(sorted({*system.tools(tree), *unpacker, *more, *development}))


def _script(tree: SourceTree, system: BuildSystem) -> tuple[str, ...]:
    archive = f'"$PANSOFT_SOURCES/{tree.archive}"'
    is_zip = tree.archive.lower().endswith(".zip")
    unpack = f"unzip -q {archive}" if is_zip else f"tar -xf {archive}"
    enter = [f"cd {shlex.quote(tree.top)}"] if tree.top else []
    return (unpack, *enter, *system.script(tree))


def _remarks(
    system: BuildSystem, stated: Stated, others: tuple[str, ...], archive: SourceArchive
) -> Iterator[str]:
    yield f"Built by {system.name}, as far as its files tell; its documentation says the rest."
    if archive.url is None:
        yield "The archive was read from this machine: say where upstream publishes it."
    if others:
        yield f"It asks for {', '.join(others)}: find the Debian packages, or switch them off."
    yield from (f"{remark[0].upper()}{remark[1:]}." for remark in stated.remarks)
