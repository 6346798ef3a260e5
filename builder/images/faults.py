# SPDX-License-Identifier: BSD-3-Clause
"""The common faults of builds: how a log shows each, what it means, and what mends it.

One entry, one fault. A pattern is looked for in the last lines of a log; of several that are found,
the one nearest to the end is the reason. `{0}` stands for what the pattern's group matched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TRACE = "script$ "
"""What stands before a command of the recipe's script in a log."""

_LOOKED_AT = 200  # lines from the end of a log

_NO_NETWORK = (
    r"could not resolve|temporary failure (in name resolution|resolving)|network is unreachable"
    r"|no route to host|bad hostname|\bENOTFOUND\b"
    r"|name or service not known|no address associated with hostname|unable to resolve host"
    r"|failed to establish a new connection|nodename nor servname|getaddrinfo|EAI_AGAIN"
)
_QUOTES = "['\"`\u2018\u2019]"  # compilers quote as typographers do
_QUOTED = "([^'\"`\u2018\u2019]+)"
_WORD = r"[A-Za-z0-9_.+-]+"


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault: its id, how a log shows it, and what to say of it."""

    name: str
    pattern: re.Pattern[str]
    says: str
    hint: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A fault that a log shows: its id, what is wrong, and what to do."""

    name: str
    says: str
    hint: str


def _fault(name: str, pattern: str, *, says: str, hint: str) -> Fault:
    return Fault(name, re.compile(pattern, re.IGNORECASE), says, hint)


FAULTS: tuple[Fault, ...] = (
    _fault(
        "network",
        f"(?:{_NO_NETWORK.replace('(', '(?:')})",
        says="it wants the network, and builds have none",
        hint="name what it downloads under build.sources (with its sha256), build.apt or "
        "build.pip; the lock pins it and the script finds it in $PANSOFT_SOURCES",
    ),
    _fault(
        "disk-full",
        r"no space left on device|disk quota exceeded|file size limit exceeded|file too large",
        says="a file system is full",
        hint="a build's own /tmp is kept in memory and holds as much as build.limits.memory says; "
        "large files belong below $PREFIX, where build.limits.disk counts",
    ),
    _fault(
        "out-of-memory",
        r"cannot allocate memory|virtual memory exhausted|bad_alloc|\bMemoryError\b"
        r"|out of memory|killed signal terminated program|^Killed$",
        says="it ran out of memory",
        hint="raise build.limits.memory (in MiB), or run fewer jobs at once: make -j2",
    ),
    _fault(
        "processes",
        r"cannot fork|fork: .*resource temporarily unavailable|can't start new thread"
        r"|pthread_create.*(?:failed|resource temporarily)",
        says="it started too many processes",
        hint="run fewer jobs at once: make -j2",
    ),
    _fault(
        "python-header",
        r"(?:fatal )?error: (Python\.h): No such file",
        says="the compiler does not find the header {0}",
        hint="add python3-dev to build.tools",
    ),
    _fault(
        "header",
        r"fatal error: ([\w./+-]+): No such file or directory",
        says="the compiler does not find the header {0}",
        hint="add the -dev package that has it to build.tools, and the library itself to "
        "build.apt; which one: apt-file search {0}",
    ),
    _fault(
        "library",
        r"cannot find -l:?([\w.+-]+)|library (?:not found|missing): -?l?([\w.+-]+)",
        says="the linker does not find the library {0}",
        hint="add its -dev package to build.tools (often lib{0}-dev) and the library to build.apt",
    ),
    _fault(
        "shared-library",
        r"error while loading shared libraries: ([^:\s]+):|(?:ImportError|OSError): ([\w.+-]+\.so[\w.]*): "
        r"cannot open shared object",
        says="a program does not find the library {0}",
        hint="add the Debian package of the library to build.apt; which one: apt-file search {0}",
    ),
    _fault(
        "undefined-symbol",
        rf"undefined reference to {_QUOTES}{_QUOTED}|undefined symbol: (\S+)",
        says="no library that is linked has {0}",
        hint="link the library that has it (LDFLAGS, LIBS), or lock versions that fit together",
    ),
    _fault(
        "compiler",
        r"no acceptable c\+* compiler|no (CMAKE_\w+_COMPILER) could be found|unable to find .*compiler"
        r"|unknown compiler\(s\)"
        rf"|error: command {_QUOTES}?[\w/.+-]*(?:gcc|g\+\+|cc){_QUOTES}? failed: no such"
        r"|\b(?:gcc|g\+\+|cc|c\+\+|gfortran)(?:-\d+)?: (?:command )?not found"
        rf"|No such file or directory: {_QUOTES}(?:[\w-]*gcc|cc|g\+\+|c\+\+){_QUOTES}",
        says="there is no compiler",
        hint="add build-essential (and gfortran where Fortran is compiled) to build.tools",
    ),
    _fault(
        "cmake-package",
        r'could not find a package configuration file provided by "([^"]+)"'
        r"|could NOT find ([A-Za-z0-9_+.-]+)",
        says="CMake does not find {0}",
        hint="add the -dev package of {0} to build.tools, and the library itself to build.apt",
    ),
    _fault(
        "pkg-config",
        rf"no package {_QUOTES}{_QUOTED}{_QUOTES} found|package ([\w.+-]+) was not found in the pkg-config"
        r"|dependency \"?([\w.+-]+)\"? not found",
        says="pkg-config does not find {0}",
        hint="add the -dev package that has {0}.pc to build.tools, with pkg-config itself; "
        "which one: apt-file search {0}.pc",
    ),
    _fault(
        "python-module",
        rf"(?:ModuleNotFoundError|ImportError): No module named {_QUOTES}?([\w.]+)",
        says="there is no Python module {0}",
        hint="add the project that has it to build.pip, or its Debian package to build.apt "
        "(to build.tools where only the build needs it)",
    ),
    _fault(
        "perl-module",
        r"Can't locate ([\w/]+)\.pm in @INC",
        says="there is no Perl module {0}",
        hint="add its Debian package to build.tools; which one: apt-file search {0}.pm",
    ),
    _fault(
        "source-archive",
        r"(?:/sources/|PANSOFT_SOURCES/?)([^\s:'\"\u2019]+).*(?:no such file|cannot open|not found)",
        says="there is no {0} in $PANSOFT_SOURCES",
        hint="the archives there have the names that their addresses under build.sources end with",
    ),
    _fault(
        "command",
        rf"^(?:\S*sh|\S+script\.sh|\S+): (?:\d+: |line \d+: )?({_WORD}): (?:command )?not found$"
        rf"|^make(?:\[\d+\])?: ({_WORD}): No such file or directory$"
        rf"|env: {_QUOTES}({_WORD}){_QUOTES}?: No such file or directory"
        rf"|FileNotFoundError: .*No such file or directory: {_QUOTES}({_WORD}){_QUOTES}",
        says="there is no command {0}",
        hint="add the Debian package that has it to build.tools, or to build.apt where users need "
        "it as well; which one: apt-file search bin/{0}",
    ),
    _fault(
        "path",
        r": (\.{0,2}/[^\s:]+): not found$|: (\.{0,2}/[^\s:]+): No such file or directory$",
        says="there is no {0} where the script is",
        hint="cd into the folder that the archive unpacks to; what stands in its first line (#!) "
        "must be there as well",
    ),
    _fault(
        "wrong-hash",
        r"do not match the hashes|hash sum mismatch|computed checksums? did not match|checksum mismatch"
        r"|hash mismatch",
        says="a file has another hash than was expected",
        hint="what comes from the lock was verified before the build: look at the sum that the "
        "script or the recipe expects, and at the file it is for",
    ),
    _fault(
        "lock",
        r"unmet dependencies|held broken packages|unable to locate package (\S+)"
        r"|no matching distribution found for (\S+)|version .* for .* was not found",
        says="what is installed does not fit together",
        hint="the lock is not whole or not of this base: pansoft lock NAME",
    ),
    _fault(
        "debian-script",
        r"dpkg: error processing package ([a-z0-9.+-]+)",
        says="the Debian package {0} could not be configured",
        hint="its own installation script failed; the lines above say at what",
    ),
    _fault(
        "make-target",
        rf"no rule to make target {_QUOTES}{_QUOTED}|no targets specified and no makefile found()",
        says="make does not know how to make {0}",
        hint="is the script in the folder that the archive unpacks to? has configure been run?",
    ),
    _fault(
        "read-only",
        r"read-only file system",
        says="it writes where nothing can be written",
        hint="a build writes below $PREFIX and /tmp; $PANSOFT_SOURCES is read only: copy from it",
    ),
    _fault(
        "permission",
        r"permission denied|operation not permitted",
        says="something is not permitted",
        hint="is the file executable (chmod +x)? A build is root of its own files only: it may "
        "not mount, load modules or make devices",
    ),
    _fault(
        "shell-syntax",
        r"script\.sh: \d+: syntax error: (.*)",
        says="the script is no shell script: {0}",
        hint="it is run by `sh`, not by bash: no arrays, no [[ ]], no <( )",
    ),
    _fault(
        "unset-variable",
        r"script\.sh: \d+: (\w+): parameter not set",
        says="the variable {0} is not set",
        hint="the script is run with `sh -eu`; write ${{{0}:-}} where a variable may be missing",
    ),
)


def diagnose(log: str) -> Diagnosis | None:
    """Return the fault that is nearest to the end of a build's log, if a common one shows there."""
    for line in reversed(log.splitlines()[-_LOOKED_AT:]):
        if line.startswith(TRACE):
            continue  # what was asked for, not what came of it
        for fault in FAULTS:
            if match := fault.pattern.search(line):
                subject = next((group for group in match.groups() if group), "it")
                return Diagnosis(fault.name, fault.says.format(subject), fault.hint.format(subject))
    return None
