# SPDX-License-Identifier: BSD-3-Clause
"""What logs of failed builds show, in the words of the programs that write them."""

from __future__ import annotations

import pytest

from builder.images.faults import FAULTS, diagnose

# As gcc 12, ld 2.40, CMake 3.25, pkg-config, Python 3.11, Perl 5.36, dpkg, apt and dash print it.
LOGS = {
    "network": "curl: (6) Could not resolve host: example.org",
    "network, Python": "urllib.error.URLError: <urlopen error Temporary failure in name resolution>",
    "network, git": "fatal: unable to access 'https://example.org/x/': Could not resolve host: example.org",
    "network, npm": "npm ERR! network request to https://example.org failed, reason: getaddrinfo EAI_AGAIN x",
    "disk-full": "cp: error writing '/tmp/x': No space left on device",
    "out-of-memory": "cc1plus: out of memory allocating 65536 bytes after a total of 1052672 bytes",
    "out-of-memory, gcc": "g++: fatal error: Killed signal terminated program cc1plus",
    "out-of-memory, C++": "terminate called after throwing an instance of 'std::bad_alloc'",
    "out-of-memory, Python": "MemoryError",
    "processes": "/run/pansoft/stage/script.sh: 3: Cannot fork",
    "processes, bash": "bash: fork: retry: Resource temporarily unavailable",
    "python-header": "module.c:1:10: fatal error: Python.h: No such file or directory",
    "header": "src/io.c:12:10: fatal error: hdf5/hdf5.h: No such file or directory",
    "library": "/usr/bin/ld: cannot find -lfftw3f: No such file or directory",
    "shared-library": "h5dump: error while loading shared libraries: libaec.so.0: cannot open shared object "
    "file: No such file or directory",
    "shared-library, Python": "ImportError: libGL.so.1: cannot open shared object file: No such file",
    "undefined-symbol": "main.c:(.text+0x1a): undefined reference to \u2018deflate\u2019",
    "compiler": "configure: error: no acceptable C compiler found in $PATH",
    "compiler, CMake": "  No CMAKE_CXX_COMPILER could be found.",
    "compiler, Python": "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
    "compiler, shell": "/run/pansoft/stage/script.sh: 2: gcc: not found",
    "cmake-package": "  Could NOT find ZLIB (missing: ZLIB_LIBRARY ZLIB_INCLUDE_DIR)",
    "cmake-package, config": '  Could not find a package configuration file provided by "Qt6" with any of',
    "pkg-config": "No package 'cairo' found",
    "pkg-config, path": "Package glib-2.0 was not found in the pkg-config search path.",
    "pkg-config, meson": 'meson.build:5:0: ERROR: Dependency "gtk4" not found, tried pkgconfig and cmake',
    "python-module": "ModuleNotFoundError: No module named 'numpy'",
    "perl-module": "Can't locate XML/Parser.pm in @INC (you may need to install the XML::Parser module)",
    "source-archive": "tar: /run/pansoft/stage/sources/x-1.0.tar.gz: Cannot open: No such file or directory",
    "command": "/run/pansoft/stage/script.sh: 4: cmake: not found",
    "command, bash": "bash: line 1: meson: command not found",
    "command, make": "make: flex: No such file or directory",
    "command, env": "/usr/bin/env: \u2018node\u2019: No such file or directory",
    "path": "/run/pansoft/stage/script.sh: 3: ./configure: not found",
    "path, bash": "bash: line 3: ./configure: No such file or directory",
    "wrong-hash": "sha256sum: WARNING: 1 computed checksum did NOT match",
    "wrong-hash, pip": "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
    "lock": " libhdf5-dev : Depends: libhdf5-103-1 but it is not going to be installed: unmet dependencies.",
    "lock, pip": "ERROR: No matching distribution found for numpy==2.0",
    "debian-script": "dpkg: error processing package fontconfig (--configure):",
    "make-target": "make: *** No rule to make target 'install'.  Stop.",
    "read-only": "touch: cannot touch '/run/pansoft/stage/sources/x': Read-only file system",
    "permission": "/bin/sh: 1: ./configure: Permission denied",
    "shell-syntax": '/run/pansoft/stage/script.sh: 3: Syntax error: "(" unexpected',
    "unset-variable": "/run/pansoft/stage/script.sh: 2: PREFFIX: parameter not set",
}  # fmt: skip


@pytest.mark.parametrize("case", LOGS)
def test_a_common_fault_is_known_by_what_is_printed(case: str) -> None:
    log = f"==> running the recipe's script\nscript$ make\n{LOGS[case]}\nmake: *** [all] Error 2\n"

    found = diagnose(log)

    assert found is not None
    assert found.name == case.partition(",")[0]


def test_every_fault_has_a_case() -> None:
    assert {case.partition(",")[0] for case in LOGS} == {fault.name for fault in FAULTS}


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("header", "the compiler does not find the header hdf5/hdf5.h"),
        ("library", "the linker does not find the library fftw3f"),
        ("undefined-symbol", "no library that is linked has deflate"),
        ("cmake-package, config", "CMake does not find Qt6"),
        ("pkg-config, meson", "pkg-config does not find gtk4"),
        ("python-module", "there is no Python module numpy"),
        ("command, env", "there is no command node"),
        ("source-archive", "there is no x-1.0.tar.gz in $PANSOFT_SOURCES"),
        ("path", "there is no ./configure where the script is"),
        ("make-target", "make does not know how to make install"),
        ("unset-variable", "the variable PREFFIX is not set"),
    ],
)
def test_what_is_missing_is_named(case: str, says: str) -> None:
    found = diagnose(LOGS[case])

    assert found is not None
    assert found.says == says


def test_a_hint_is_a_sentence_with_everything_put_in() -> None:
    hints = [found.hint for text in LOGS.values() if (found := diagnose(text))]

    assert [hint for hint in hints if "{" in hint.replace("${PREFFIX:-}", "")] == []


def test_the_fault_nearest_to_the_end_is_the_reason() -> None:
    found = diagnose(f"{LOGS['command']}\nworks without it\n{LOGS['header']}\n")

    assert found is not None
    assert found.name == "header"


def test_a_command_is_no_message() -> None:
    assert diagnose("script$ echo 'Could not resolve host'\nmake: *** [all] Error 2\n") is None


def test_a_log_without_a_common_fault_has_no_diagnosis() -> None:
    assert diagnose("make: *** [all] Error 2\n") is None
