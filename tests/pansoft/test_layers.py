# SPDX-License-Identifier: BSD-3-Clause
"""The table of imports in docs/architecture.md, held."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "core": {"core"},
    "trust": {"core", "trust"},
    "builder": {"core", "trust", "builder"},
    "cvmfs": {"core", "cvmfs"},
    "catalog": {"core", "trust", "builder", "catalog"},
    "pansoft": {"core", "trust", "builder", "cvmfs", "catalog", "pansoft"},
}


def imported_packages(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_the_table_allows(layer: str) -> None:
    wrong = {
        str(file.relative_to(ROOT)): sorted(forbidden)
        for file in (ROOT / layer).rglob("*.py")
        if (forbidden := (imported_packages(file) & MAY_IMPORT.keys()) - MAY_IMPORT[layer])
    }

    assert wrong == {}


ADAPTED = {
    "pkcs11",
    "boto3",
    "botocore",
    "spython",
    "mfusepy",
    "cerberus",
    "docker",
    "cyclonedx",
    "debian.copyright",
    "debian.deb822",
    "debian.debian_support",
    "debsbom",
    "securesystemslib",
    "spdx_tools",
    "git",
    "gitlab",
    "pypi_simple",
    "jinja2",
    "jwt",
    "license_expression",
    "tuf",
    "yaml",
}
HOMES = {
    "gitlab": ("pansoft/ci/gitlab/",),
    "securesystemslib": ("trust/signing/dsse.py", "trust/federation"),
    "tuf": ("trust/federation",),
    "yaml": ("core/strict_yaml.py", "core/yaml_text.py"),
}
"""Where a library has more than one module: its own files and folders."""


def imports(file: Path, library: str) -> bool:
    """Return whether a file imports a library, or the module of one that is named with a dot."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if any(f"{name}.".startswith(f"{library}.") for name in names):
            return True
    return False


@pytest.mark.parametrize("library", sorted(ADAPTED))
def test_an_outside_library_lives_behind_one_module(library: str) -> None:
    users = [
        str(file.relative_to(ROOT))
        for layer in MAY_IMPORT
        for file in (ROOT / layer).rglob("*.py")
        if imports(file, library)
    ]
    homes = HOMES.get(library)
    strangers = [user for user in users if homes and not user.startswith(homes)]

    assert strangers == []
    assert homes or len(users) <= 1, users
