# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe's tests must hold beyond their schema, all of it under the id `recipe-test`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from builder.recipes.looking import Text, at, repeated, texts, values
from core.problems import Problem
from core.strict_yaml import Document


def _check_tests(document: Document) -> Iterator[Problem]:
    yield from repeated(texts(document, "tests[].name"))
    mpi = any(value is True for _, value in values(document, "runtime.mpi"))
    gpu = any(text.text != "none" for text in texts(document, "runtime.gpu"))
    jupyter = any(values(document, "runtime.jupyter"))
    needs = {
        "mpi": (mpi, "mpi: true"),
        "gpu": (gpu, "gpu: optional"),
        "notebook": (jupyter, "a jupyter kernel"),
    }
    for text in texts(document, "tests[].kind"):
        has, wanted = needs.get(text.text, (True, ""))
        if not has:
            yield text.problem(
                "recipe-test",
                f"a test of kind '{text.text}' needs a package with {wanted}",
                hint=f"put {wanted} under 'runtime', or use the kind 'command'",
            )


_SCRIPT = frozenset({"run", "status", "expect", "stdout", "stderr", "files"})

# What a test of each kind has to have one of, and what it may have beside name, kind and timeout.
TEST_FIELDS: dict[str, tuple[tuple[frozenset[str], ...], frozenset[str]]] = {
    "command": ((frozenset({"run"}),), _SCRIPT),
    "import": ((frozenset({"modules", "run"}),), _SCRIPT | {"modules", "prepare"}),
    "gui": (
        (frozenset({"run"}), frozenset({"window"})),
        frozenset({"run", "window", "expect", "prepare"}),
    ),
    "notebook": ((frozenset({"cell", "run"}),), _SCRIPT | {"cell", "prepare"}),
    "mpi": (
        (frozenset({"run"}), frozenset({"expect", "stdout", "files"})),
        _SCRIPT | {"prepare"},
    ),
    "gpu": ((frozenset({"run"}),), _SCRIPT | {"prepare"}),
}


def _check_test_fields(document: Document) -> Iterator[Problem]:
    """Look whether a test says what its kind needs, and nothing that its kind does not look at."""
    for path, test in values(document, "tests[]"):
        if not isinstance(test, dict) or test.get("kind") not in TEST_FIELDS:
            continue
        kind = str(test["kind"])
        needed, allowed = TEST_FIELDS[kind]
        for choice in needed:
            if not choice & test.keys():
                yield at(
                    document,
                    path,
                    "recipe-test",
                    f"a test of kind '{kind}' needs {_one_of(choice)}",
                    _TEST_HINTS.get((kind, min(choice)), "docs/recipe.md says what each is for"),
                )
        for field in sorted(test.keys() & _ALL_TEST_FIELDS - allowed):
            fitting = [name for name, (_, fields) in TEST_FIELDS.items() if field in fields]
            yield Problem(
                document.where_key((*path, field)),
                "recipe-test",
                f"a test of kind '{kind}' has no '{field}'",
                hint=f"it belongs to the kind {' or '.join(fitting)}",
                field=f"tests.{path[-1]}.{field}",
            )
        for one in ("modules", "cell"):
            if one in test and "run" in test and one in allowed:
                yield at(
                    document,
                    (*path, one),
                    "recipe-test",
                    f"a test has either '{one}' or 'run'",
                    "make two tests of it",
                )


_ALL_TEST_FIELDS = frozenset().union(*(fields for _, fields in TEST_FIELDS.values()))
_TEST_HINTS = {
    ("gui", "window"): "write 'window: TITLE' and let 'run' be the program itself; the test waits "
    "for its window",
    ("mpi", "expect"): "say what shows that two processes worked together",
}


def _one_of(fields: Iterable[str]) -> str:
    names = [f"'{field}'" for field in sorted(fields)]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _check_test_texts(document: Document) -> Iterator[Problem]:
    """Look at the regular expressions and the names of files of tests, and at who starts MPI."""
    for field in ("window", "stdout", "stderr", "files[].pattern"):
        for text in texts(document, f"tests[].{field}"):
            yield from _faults_of_pattern(text, extended=field == "window")
    paths = [*texts(document, "tests[].files[]"), *texts(document, "tests[].files[].path")]
    for text in paths:
        path = PurePosixPath(text.text)
        if path.is_absolute() or ".." in path.parts or str(path) == ".":
            yield text.problem(
                "recipe-test",
                f"'{text.text}' is not a file in the test's folder",
                hint="a test looks at files below the folder that it is run in",
            )
    for path_, test in values(document, "tests[]"):
        run = test.get("run") if isinstance(test, dict) and test.get("kind") == "mpi" else None
        if isinstance(run, str) and re.search(r"\b(mpirun|mpiexec)\b", run):
            yield at(
                document,
                (*path_, "run"),
                "recipe-test",
                "a test of kind 'mpi' starts its two processes itself",
                "write what each of them runs, without mpirun; files go into 'prepare'",
            )


def _faults_of_pattern(text: Text, *, extended: bool) -> Iterator[Problem]:
    escape = "put a backslash before ( ) [ ] { } * + ? . | that stand for themselves"
    try:
        re.compile(text.text)
    except re.error as err:
        message = f"'{text.text}' is not a regular expression: {err}"
        yield text.problem("recipe-test", message, hint=escape)
        return
    if extended and re.search(r"\\[dD]|\(\?", text.text):
        yield text.problem(
            "recipe-test",
            f"'{text.text}' is not an extended regular expression, as grep -E takes them",
            hint="write [0-9] for a digit",
        )


TEST_CHECKS: tuple[Callable[[Document], Iterator[Problem]], ...] = (
    _check_tests,
    _check_test_fields,
    _check_test_texts,
)
