# SPDX-License-Identifier: BSD-3-Clause
"""What a Debian package says about itself: its record, its files and its copyright file."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from builder.inputs.apt import stanzas
from builder.recipes.facts import Facts
from builder.recipes.licence_texts import licence_of
from builder.recipes.schema import DEBIAN_PACKAGE
from core import process, spdx
from core.errors import CommandFailed, UserError

LICENSES: Mapping[str, str] = MappingProxyType(
    {
        "agpl-3": "AGPL-3.0-only",
        "agpl-3+": "AGPL-3.0-or-later",
        "apache-2": "Apache-2.0",
        "apache-2.0": "Apache-2.0",
        "artistic-2.0": "Artistic-2.0",
        "bsd-2-clause": "BSD-2-Clause",
        "bsd-3-clause": "BSD-3-Clause",
        "bsl-1.0": "BSL-1.0",
        "cc0": "CC0-1.0",
        "cc0-1.0": "CC0-1.0",
        "expat": "MIT",
        "gpl-2": "GPL-2.0-only",
        "gpl-2.0": "GPL-2.0-only",
        "gpl-2+": "GPL-2.0-or-later",
        "gpl-2.0+": "GPL-2.0-or-later",
        "gpl-3": "GPL-3.0-only",
        "gpl-3.0": "GPL-3.0-only",
        "gpl-3+": "GPL-3.0-or-later",
        "gpl-3.0+": "GPL-3.0-or-later",
        "isc": "ISC",
        "lgpl-2": "LGPL-2.0-only",
        "lgpl-2+": "LGPL-2.0-or-later",
        "lgpl-2.1": "LGPL-2.1-only",
        "lgpl-2.1+": "LGPL-2.1-or-later",
        "lgpl-3": "LGPL-3.0-only",
        "lgpl-3+": "LGPL-3.0-or-later",
        "mit": "MIT",
        "mpl-2.0": "MPL-2.0",
        "public-domain": "LicenseRef-PublicDomain",
        "zlib": "Zlib",
    }
)
_DESKTOP = re.compile(r"lib(gtk|qt[56]|wxgtk|x11-6|gl1|tk8)")


def facts(package: str) -> Facts:
    """Return what this host's apt knows of a Debian package.

    Raises:
        UserError: apt does not know it.
    """
    if not re.fullmatch(DEBIAN_PACKAGE, package):
        raise UserError(f"'{package}' is not the name of a Debian package")
    shown = process.run(
        ["apt-cache", "show", "--no-all-versions", package],
        reason=f"look up {package}",
        check=False,
    )
    record = next(iter(stanzas(shown.stdout)), None)
    if record is not None and record.get("Package") != package:
        record = None  # apt takes '+' and '.' for a pattern, and would download all that fits it
    if shown.returncode != 0 or record is None:
        raise UserError(
            f"apt does not know the package '{package}'",
            hint=f"look at the spelling, run 'apt-get update', or search: apt-cache search {package}",
        )
    own, files, copyright_text = _contents(package)
    return described({**record, **own}, files, copyright_text)


def _contents(package: str) -> tuple[Mapping[str, str], tuple[str, ...], str]:
    """Return a package's own record, which has its long description, its files and its copyright
    file; nothing where it cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="pansoft-new-") as folder:
        try:
            process.run(
                ["apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", package],
                reason=f"download {package}",
                cwd=Path(folder),
            )
            archive = next(iter(sorted(Path(folder).glob("*.deb"))))
            unpacked = Path(folder) / "content.tar"
            process.run(
                ["dpkg-deb", "--raw-extract", archive, unpacked], reason=f"unpack {archive.name}"
            )
        except (CommandFailed, StopIteration):
            return {}, (), ""
        record = next(
            iter(stanzas((unpacked / "DEBIAN" / "control").read_text("utf-8", "replace"))), {}
        )
        files = tuple(
            f"/{path.relative_to(unpacked).as_posix()}"
            for path in sorted(unpacked.rglob("*"))
            if (path.is_symlink() or path.is_file()) and unpacked / "DEBIAN" not in path.parents
        )
        document = unpacked / "usr" / "share" / "doc" / package / "copyright"
        text = document.read_text("utf-8", "replace") if document.is_file() else ""
        return record, files, text


def described(record: Mapping[str, str], files: Sequence[str], copyright_text: str) -> Facts:
    """Return what a package's record, its files and its copyright file say."""
    package = record["Package"]
    summary, description = _description(record)
    license_, note = license_of(copyright_text)
    if note is None and (read := licence_of([copyright_text], [copyright_text])).note:
        note = f"{read.note}, in its own words: read them"
    homepage = record.get("Homepage", "").strip()
    return Facts(
        title=package,
        version=upstream_version(record["Version"]),
        summary=summary,
        description=description,
        homepage=homepage if re.match(r"https?://", homepage) else None,
        license=license_,
        license_note=note,
        evidence=f"/usr/share/doc/{package}/copyright",
        base=_base(record.get("Depends", "")),
        apt=(package,),
        commands=_commands(files),
        module=_module(files),
    )


def upstream_version(version: str) -> str:
    """Return upstream's version of a Debian version: 1:2.3+dfsg1-4+b1 is 2.3."""
    upstream = re.sub(r"^[0-9]+:", "", version)
    if "-" in upstream:
        upstream = upstream.rpartition("-")[0]
    return re.sub(r"[+.~](dfsg|ds|repack)[0-9.]*$", "", upstream)


def _description(record: Mapping[str, str]) -> tuple[str | None, str | None]:
    texts = (record.get("Description-en", ""), record.get("Description", ""))
    text = max(texts, key=len)  # apt without translations knows the first line only
    summary, _, rest = text.partition("\n")
    paragraphs = re.split(r"\n\s*\.\s*\n", rest)
    description = "\n\n".join(" ".join(part.split()) for part in paragraphs if part.strip())
    return summary.strip() or None, description or None


def _base(depends: str) -> str:
    names = re.findall(r"(?:^|[,|]\s*)([a-z0-9][a-z0-9+.-]+)", depends)
    if any(_DESKTOP.match(name) for name in names):
        return "debian-12-desktop"
    return "debian-12-python" if any(name.startswith("python3") for name in names) else "debian-12"


def _commands(files: Sequence[str]) -> tuple[str, ...]:
    folders = {"/usr/bin", "/bin", "/usr/games"}
    return tuple(sorted(p.name for p in map(PurePosixPath, files) if str(p.parent) in folders))


def _module(files: Sequence[str]) -> str | None:
    """Return the Python module of a package that is there for one, without a command."""
    if _commands(files):
        return None
    packages = re.compile(r"/usr/lib/python3/dist-packages/([a-zA-Z][a-zA-Z0-9_]*)/__init__\.py")
    return next((match[1] for file in files if (match := packages.fullmatch(file))), None)


def license_of(copyright_text: str) -> tuple[str | None, str | None]:
    """Return the SPDX expression of a machine-readable copyright file, and Debian's own words.

    All licences of upstream's files are joined by AND: which file ends up in which binary package is
    not written down. The packaging itself (`debian/*`) is not in the image.
    """
    words = list(dict.fromkeys(_short_names(copyright_text)))
    if not words:
        return None, None
    note = "; ".join(words)
    expressions = [_expression(word) for word in words]
    if any(expression is None for expression in expressions):
        return None, note
    several = [f"({e})" if " OR " in e and len(words) > 1 else e for e in expressions if e]
    joined = " AND ".join(sorted(dict.fromkeys(several)))
    return (joined, note) if spdx.parse(joined).is_valid else (None, note)


def _short_names(copyright_text: str) -> Iterator[str]:
    if not copyright_text.lstrip().startswith("Format:"):
        return
    for stanza in stanzas(copyright_text):
        files = stanza.get("Files", "").split()
        if files and not all(name.startswith("debian/") for name in files):
            name = stanza.get("License", "").partition("\n")[0].strip()
            if name:
                yield name


def _expression(words: str) -> str | None:
    """Return Debian's `GPL-2+ or Expat` as SPDX, or None where a name is not known."""
    parts = re.split(r"\s+(and|or)\s+", words)
    result = []
    for index, part in enumerate(parts):
        if index % 2:
            result.append(part.upper())
        elif (known := LICENSES.get(part.lower())) is not None:
            result.append(known)
        elif spdx.parse(part).is_valid and not part.startswith("LicenseRef"):
            result.append(part)
        else:
            return None
    return " ".join(result)
