# SPDX-License-Identifier: BSD-3-Clause
"""How a source archive is built, from the files that build systems are known by.

A build system is a `BuildSystem`; the first whose file is at the top of the archive is taken. What
it says is a beginning: the options that a program wants are in its own documentation.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from builder.recipes.source_tree import SourceTree

_COMPILERS = (
    ((".cc", ".cpp", ".cxx", ".hpp", ".hh"), "g++"),
    ((".f", ".F", ".for", ".f90", ".F90"), "gfortran"),
    ((".c",), "gcc"),
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What the files of a build system say of the program; None where they do not."""

    version: str | None = None
    summary: str | None = None
    homepage: str | None = None
    source: str | None = None
    license: str | None = None
    commands: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """A build system: the files it is known by, the tools it needs, the script, what it says."""

    name: str
    known_by: tuple[str, ...]
    tools: Callable[[SourceTree], tuple[str, ...]]
    script: Callable[[SourceTree], tuple[str, ...]]
    stated: Callable[[SourceTree], Stated]
    base: str = "debian-12"


def build_system_of(tree: SourceTree) -> BuildSystem | None:
    """Return the build system of a source archive; None where no known file is at its top."""
    return next((system for system in SYSTEMS if tree.has(*system.known_by)), None)


# -- libraries that build files ask for -----------------------------------------------------------

# The name that CMake or pkg-config knows a library by: what is needed to build, what to run.
LIBRARIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "blas": ("libblas-dev", "libblas3"),
        "bzip2": ("libbz2-dev", "libbz2-1.0"),
        "curl": ("libcurl4-openssl-dev", "libcurl4"),
        "expat": ("libexpat1-dev", "libexpat1"),
        "fftw3": ("libfftw3-dev", "libfftw3-double3"),
        "gsl": ("libgsl-dev", "libgsl27"),
        "hdf5": ("libhdf5-dev", "libhdf5-103-1"),
        "jpeg": ("libjpeg62-turbo-dev", "libjpeg62-turbo"),
        "lapack": ("liblapack-dev", "liblapack3"),
        "libpng": ("libpng-dev", "libpng16-16"),
        "libtiff-4": ("libtiff-dev", "libtiff6"),
        "libxml-2.0": ("libxml2-dev", "libxml2"),
        "libxml2": ("libxml2-dev", "libxml2"),
        "openssl": ("libssl-dev", "libssl3"),
        "png": ("libpng-dev", "libpng16-16"),
        "tiff": ("libtiff-dev", "libtiff6"),
        "zlib": ("zlib1g-dev", "zlib1g"),
    }
)
_NO_LIBRARY = {"threads", "openmp", "pkgconfig", "git", "doxygen", "python", "python3", "catch2",
               "gtest", "cmakepackageconfighelpers", "perl"}  # fmt: skip
_ASKS = re.compile(
    r"find_package\s*\(\s*([A-Za-z0-9_.+-]+)|pkg_check_modules\s*\(\s*\w+\s+(?:REQUIRED\s+)?([A-Za-z0-9_.+-]+)"
    r"|PKG_CHECK_MODULES\s*\(\s*\[?\w+\]?\s*,\s*\[?([A-Za-z0-9_.+-]+)"
    r"|\bdependency\s*\(\s*'([A-Za-z0-9_.+-]+)'"
)
_CHECKS = re.compile(r"AC_(?:CHECK_LIB|SEARCH_LIBS)\s*\(\s*\[?([A-Za-z0-9_+]+)\]?\s*,\s*\[?(\w+)")
_OF_LINKER = {"z": "zlib", "fftw3": "fftw3", "gsl": "gsl", "hdf5": "hdf5", "xml2": "libxml2"}


def libraries_of(tree: SourceTree) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of libraries that the build files ask for: those known here, and others."""
    asked: set[str] = set()
    for text in tree.texts.values():
        for groups in _ASKS.findall(text):
            asked.update(name.lower() for name in groups if name)
        asked.update(
            name
            for found in _CHECKS.findall(text)
            for word in found
            if (name := _OF_LINKER.get(word))
        )
    known = sorted(asked & LIBRARIES.keys())
    return tuple(known), tuple(sorted(asked - LIBRARIES.keys() - _NO_LIBRARY))


def _compilers(tree: SourceTree) -> tuple[str, ...]:
    found = {
        tool for endings, tool in _COMPILERS if any(file.endswith(endings) for file in tree.files)
    }
    return (*sorted(found or {"gcc"}), "libc6-dev")


# -- the systems -----------------------------------------------------------------------------------


def _first(pattern: str, texts: Iterator[str]) -> str | None:
    for text in texts:
        if match := re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return next(group for group in match.groups() if group)
    return None


_INSTALLS = re.compile(r"install\s*\(\s*(?:TARGETS|PROGRAMS)([^)]*)\)", re.IGNORECASE)
_ADDS_PROGRAM = re.compile(r"add_executable\s*\(\s*([\w.+-]+)", re.IGNORECASE)
_MESON_PROGRAM = re.compile(r"\bexecutable\s*\(\s*'([\w.+-]+)'((?:[^()]|\([^()]*\))*)\)")


def _cmake(tree: SourceTree) -> Stated:
    top = tree.texts["CMakeLists.txt"]
    project = re.search(r"\bproject\s*\(([^)]*)\)", top, re.IGNORECASE)
    words = project.group(1) if project else ""
    texts = list(tree.named("CMakeLists.txt"))
    installed = {
        name for text in texts for call in _INSTALLS.findall(text) for name in call.split()
    }
    programs = [name for text in texts for name in _ADDS_PROGRAM.findall(text)]
    return Stated(
        version=_first(r"\bVERSION\s+\"?([0-9][\w.]*)", iter([words])),
        summary=_first(r'\bDESCRIPTION\s+"([^"]+)"', iter([words])),
        homepage=_first(r'\bHOMEPAGE_URL\s+"?(https?://[^\s")]+)', iter([words])),
        commands=tuple(dict.fromkeys(name for name in programs if name in installed)),
    )


def _autotools(tree: SourceTree) -> Stated:
    configure = [*tree.named("configure.ac"), *tree.named("configure.in")]
    programs = [
        PurePosixPath(name).name
        for text in tree.named("Makefile.am")
        for line in re.findall(
            r"^bin_(?:PROGRAMS|SCRIPTS)\s*\+?=\s*((?:.*\\\n)*.*)$", text, re.MULTILINE
        )
        for name in line.replace("\\\n", " ").split()
        if re.fullmatch(r"[\w./+-]+", name)
    ]
    return Stated(
        version=_first(r"AC_INIT\s*\(\s*\[?[^,\]]+\]?\s*,\s*\[?([0-9][\w.+-]*)", iter(configure)),
        commands=tuple(dict.fromkeys(programs)),
    )


def _meson(tree: SourceTree) -> Stated:
    top = tree.texts["meson.build"]
    programs = [
        name
        for text in tree.named("meson.build")
        for name, rest in _MESON_PROGRAM.findall(text)
        if re.search(r"\binstall\s*:\s*true", rest)
    ]
    return Stated(
        version=_first(r"\bversion\s*:\s*'([0-9][^']*)'", iter([top])),
        license=_first(r"\blicense\s*:\s*\[?\s*'([^']+)'", iter([top])),
        commands=tuple(dict.fromkeys(programs)),
    )


def _toml(text: str | None) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text or "")
    except tomllib.TOMLDecodeError:
        return {}


def _cargo(tree: SourceTree) -> Stated:
    manifest = _toml(tree.texts["Cargo.toml"])
    package = manifest.get("package", {})
    commands = [str(item["name"]) for item in manifest.get("bin", []) if "name" in item]
    if not commands and tree.has("src/main.rs") and "name" in package:
        commands = [str(package["name"])]
    vendored = tree.has(".cargo/config.toml", ".cargo/config")
    remark = "builds have no network: add an archive of `cargo vendor`, and `.cargo/config.toml`"
    return Stated(
        version=_word(package, "version"),
        summary=_word(package, "description"),
        homepage=_word(package, "homepage"),
        source=_word(package, "repository"),
        license=_word(package, "license"),
        commands=tuple(commands),
        remarks=() if vendored else (remark,),
    )


def _word(table: Mapping[str, Any], key: str) -> str | None:
    value = table.get(key)
    return value.strip() or None if isinstance(value, str) else None


def _python(tree: SourceTree) -> Stated:
    project = _toml(tree.texts.get("pyproject.toml")).get("project", {})
    urls = {re.sub("[^a-z]", "", k.lower()): v for k, v in project.get("urls", {}).items()}
    scripts = {**project.get("scripts", {}), **project.get("gui-scripts", {})}
    license_ = project.get("license")
    commands = list(scripts)
    for text in tree.named("setup.cfg"):
        block = re.search(
            r"^(?:console|gui)_scripts\s*=\s*\n((?:[ \t]+.*\n?)+)", text, re.MULTILINE
        )
        commands += re.findall(r"^\s*([\w.-]+)\s*=", block.group(1), re.MULTILINE) if block else []
    needs = [str(item) for item in project.get("dependencies", [])]
    remarks = [f"it needs {', '.join(needs)}: name them in build.pip or build.apt"] if needs else []
    return Stated(
        version=_word(project, "version"),
        summary=_word(project, "description"),
        homepage=urls.get("homepage") or urls.get("documentation"),
        source=urls.get("repository") or urls.get("source") or urls.get("sourcecode"),
        license=license_ if isinstance(license_, str) else None,
        commands=tuple(dict.fromkeys(commands)),
        remarks=(
            "is it in the Python index? `pansoft new --from-pypi` makes a better recipe",
            *remarks,
        ),
    )


_BACKENDS = {
    "flit_core": "flit", "hatchling": "python3-hatchling", "poetry": "python3-poetry-core",
    "scikit_build_core": "python3-scikit-build-core", "mesonpy": "python3-mesonpy",
}  # fmt: skip


def _python_tools(tree: SourceTree) -> tuple[str, ...]:
    backend = str(
        _toml(tree.texts.get("pyproject.toml")).get("build-system", {}).get("build-backend", "")
    )
    own = _BACKENDS.get(backend.partition(".")[0], "python3-setuptools")
    compiled = any(file.endswith((".c", ".pyx", ".cpp")) for file in tree.files)
    return (own, "python3-wheel", *((*_compilers(tree), "python3-dev") if compiled else ()))


_PYTHON_SCRIPT = (
    'python3 -m venv --without-pip --system-site-packages "$PREFIX"',
    'python3 -m pip --python "$PREFIX/bin/python" install --quiet --no-index --no-deps \\',
    "  --no-build-isolation --no-compile .",
)
_CMAKE_SCRIPT = (
    'cmake -S . -B objects -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$PREFIX" \\',
    '  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_INSTALL_RPATH="$PREFIX/lib"',
    'cmake --build objects --parallel "$(nproc)"',
    "cmake --install objects",
)
_MESON_SCRIPT = (
    'export LDFLAGS="-Wl,-rpath,$PREFIX/lib"',
    'meson setup objects --buildtype=release --prefix="$PREFIX" --libdir=lib',
    "meson install -C objects",
)
_CARGO_SCRIPT = ('cargo install --offline --locked --path . --root "$PREFIX"',)


def _autotools_tools(tree: SourceTree) -> tuple[str, ...]:
    more = () if tree.has("configure") else ("autoconf", "automake", "libtool")
    return (*_compilers(tree), "make", *more)


def _autotools_script(tree: SourceTree) -> tuple[str, ...]:
    first = () if tree.has("configure") else ("autoreconf --force --install",)
    return (*first, './configure --prefix="$PREFIX"', 'make -j "$(nproc)"', "make install")


SYSTEMS = (
    BuildSystem(
        "CMake", ("CMakeLists.txt",), lambda tree: ("cmake", "make", *_compilers(tree)),
        lambda _: _CMAKE_SCRIPT, _cmake,
    ),
    BuildSystem(
        "autotools", ("configure", "configure.ac", "configure.in"), _autotools_tools,
        _autotools_script, _autotools,
    ),
    BuildSystem(
        "Meson", ("meson.build",), lambda tree: ("meson", "ninja-build", *_compilers(tree)),
        lambda _: _MESON_SCRIPT, _meson,
    ),
    BuildSystem(
        "Cargo", ("Cargo.toml",), lambda tree: ("cargo", "rustc", *_compilers(tree)),
        lambda _: _CARGO_SCRIPT, _cargo,
    ),
    BuildSystem(
        "Python", ("pyproject.toml", "setup.py", "setup.cfg"), _python_tools,
        lambda _: _PYTHON_SCRIPT, _python, base="debian-12-python",
    ),
    BuildSystem(
        "Make", ("Makefile", "GNUmakefile", "makefile"), lambda tree: (*_compilers(tree), "make"),
        lambda _: ('make -j "$(nproc)"', 'make install PREFIX="$PREFIX"'), lambda _: Stated(),
    ),
)  # fmt: skip
