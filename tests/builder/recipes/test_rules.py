# SPDX-License-Identifier: BSD-3-Clause
"""What a recipe must hold beyond its schema: each rule broken once."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.recipes.load import read_recipe
from tests.builder.recipes.projects import RECIPE, changed, extended, make_project

DIGEST = "3c818b016b69bb50476bd246ab14cf06e8e3653114c2f2524dce11d6bc070e9a"
APT = "  apt:\n    - gnuplot-nox\n"


def found(root: Path, recipe: str) -> list[str]:
    project = make_project(root, recipe=recipe)
    problems = read_recipe(project / "recipes" / "plotter").problems
    return [f"{p.where.line}:{p.where.column}: {p.rule}: {p.message}" for p in problems]


def test_the_good_recipe_is_good(tmp_path: Path) -> None:
    assert found(tmp_path, extended("")) == []


def source(text: str) -> str:
    return changed(APT, f"{APT}  script: make\n  sources:\n    - {text}\n")


def file(text: str) -> str:
    return changed(APT, f"{APT}  files:\n    - {text}\n")


def by_site(**changes: str) -> str:
    """Return a recipe that a licence holder installs, with parts of it changed."""
    parts = {
        "right": "forbidden",
        "build": "  script: tar xf $PANSOFT_SOURCES/plotter-*.tgz\n",
        "install": "install: site\n",
        "site": (
            "site:\n  terms: https://plotter.example.org/terms\n"
            "  registration: https://plotter.example.org/get\n"
            "  download:\n    - file: plotter-*.tgz\n"
        ),
        **changes,
    }
    return (
        RECIPE.replace("redistribution: allowed", f"redistribution: {parts['right']}")
        .replace(APT, parts["build"])
        .replace("commands:", f"{parts['install']}{parts['site']}commands:")
    )


def test_a_good_recipe_for_sites_is_good(tmp_path: Path) -> None:
    assert found(tmp_path, by_site()) == []


def pip(text: str) -> str:
    return changed(APT, f"  pip:\n    - {text}\n")


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        pytest.param(
            changed("name: plotter", "name: other"),
            "2:7: recipe-name: the name is 'other', but the folder is 'plotter'",
            id="name",
        ),
        pytest.param(
            changed("base: debian-12", "base: debian-13"),
            "15:7: recipe-base: there is no base 'debian-13'",
            id="base",
        ),
        pytest.param(
            changed("spdx: MIT", "spdx: mit"),
            "10:9: recipe-license: SPDX has no licence 'mit'; did you mean 'MIT'?",
            id="license",
        ),
        pytest.param(
            changed("spdx: MIT", "spdx: LicenseRef-unknown"),
            "10:9: recipe-license: the licence is unknown, but redistribution is allowed",
            id="license-unknown",
        ),
        pytest.param(
            changed(f"build:\n{APT}", "build: {}\n"),
            "16:8: recipe-build: nothing goes into the image",
            id="build-empty",
        ),
        pytest.param(
            changed(APT, f"{APT}  tools: [gcc]\n"),
            "19:10: recipe-build: there are tools, but no script that uses them",
            id="tools-without-script",
        ),
        pytest.param(
            pip("'h5py =='"), "18:7: recipe-pip: 'h5py ==' is not a requirement", id="pip-nonsense"
        ),
        pytest.param(
            pip("h5py>=3"),
            "18:7: recipe-pip: 'h5py>=3' is not pinned to one version",
            id="pip-range",
        ),
        pytest.param(
            pip("h5py==3.*"),
            "18:7: recipe-pip: 'h5py==3.*' is not pinned to one version",
            id="pip-star",
        ),
        pytest.param(
            pip("h5py @ https://example.org/h5py.whl"),
            "18:7: recipe-pip: 'h5py' is to come from an address",
            id="pip-address",
        ),
        pytest.param(
            pip("Py_FAI==1\n    - py-fai==2"),
            "19:7: recipe-duplicate: 'py-fai' stands here a second time, first on line 18",
            id="pip-twice",
        ),
        pytest.param(
            changed(APT, "  apt: [nodejs]\n  npm: [left-pad]\n"),
            "18:9: recipe-npm: 'left-pad' is not pinned to one version",
            id="npm",
        ),
        pytest.param(
            changed(APT, "  npm: [left-pad@1.3.0]\n"),
            "17:8: recipe-npm: there are Node packages, but no Node that runs them",
            id="npm-without-node",
        ),
        pytest.param(
            source(f"{{sha256: {DIGEST}}}"),
            "21:7: recipe-source: a source has one of 'url', 'pypi-sdist', 'pypi-wheel' and 'debian-source'",
            id="source-nowhere",
        ),
        pytest.param(
            source(f"{{url: 'https://example.org/', sha256: {DIGEST}}}"),
            "21:13: recipe-source: the address does not end in a file's name",
            id="source-folder",
        ),
        pytest.param(
            source(f"{{url: 'http://example.org/a.tgz', sha256: {DIGEST}}}"),
            "21:13: schema-pattern: 'url' must be a web address that begins with https://",
            id="source-plain-http",
        ),
        pytest.param(
            source("{url: 'https://example.org/a.tgz', sha256: abc}"),
            "21:50: schema-pattern: 'sha256' must be 64 hexadecimal digits in lower case",
            id="source-digest",
        ),
        pytest.param(
            by_site(site=""),
            "18:10: recipe-site: it is not said how the holder of a licence comes by it",
            id="site-unsaid",
        ),
        pytest.param(
            by_site(install=""),
            "19:3: recipe-site: there is a 'site', but the image is the publisher's to make",
            id="site-of-the-publisher",
        ),
        pytest.param(
            by_site(build=APT),
            "19:10: recipe-site: no script uses the download",
            id="site-without-script",
        ),
        pytest.param(
            by_site(right="allowed"),
            "11:19: recipe-site: what may be given to everybody needs no download of a licence holder",
            id="site-for-everybody",
        ),
        pytest.param(
            by_site().replace("    - file: plotter-*.tgz\n", "    - file: ../plotter.tgz\n"),
            "23:13: schema-pattern: 'file' must be a file's name, in which `*` stands for any text",
            id="site-download-up",
        ),
        pytest.param(
            by_site().replace("plotter-*.tgz\ncommands", "a.tgz\n    - file: a.tgz\ncommands"),
            "24:13: recipe-duplicate: 'a.tgz' stands here a second time, first on line 23",
            id="site-download-twice",
        ),
        pytest.param(
            source(f"{{url: 'https://example.org/a.tgz', download: a.tgz, sha256: {DIGEST}}}"),
            "21:42: schema-unknown: ",
            id="source-of-a-holder",
        ),
        pytest.param(
            changed("spdx: MIT", "spdx: MIT\n  text: ../LICENSE"),
            "11:9: recipe-file: '../LICENSE' leaves the recipe's folder",
            id="licence-text-up",
        ),
        pytest.param(
            changed("spdx: MIT", "spdx: MIT\n  text: LICENSE"),
            "11:9: recipe-file: there is no file 'LICENSE' in the recipe's folder",
            id="licence-text-missing",
        ),
        pytest.param(
            file("{source: ../x, target: /opt/x}"),
            "20:16: recipe-file: '../x' leaves the recipe's folder",
            id="file-up",
        ),
        pytest.param(
            file("{source: /etc/passwd, target: /opt/x}"),
            "20:16: recipe-file: '/etc/passwd' leaves the recipe's folder",
            id="file-absolute",
        ),
        pytest.param(
            file("{source: none, target: /opt/x}"),
            "20:16: recipe-file: there is no file 'none' in the recipe's folder",
            id="file-missing",
        ),
        pytest.param(
            file("{source: recipe.yaml, target: /usr/bin/x}"),
            "20:37: recipe-target: '/usr/bin/x' is not a file below /opt, /usr/local or /etc",
            id="target-elsewhere",
        ),
        pytest.param(
            file("{source: recipe.yaml, target: /opt/../usr/x}"),
            "20:37: recipe-target: '/opt/../usr/x' is not a file below /opt, /usr/local or /etc",
            id="target-up",
        ),
        pytest.param(
            file('{source: recipe.yaml, target: /opt/x, mode: "0666"}'),
            "20:51: recipe-target: mode 0666 lets everybody write to the file",
            id="mode-open",
        ),
        pytest.param(
            file("{source: recipe.yaml, target: /opt/x, mode: 4755}"),
            "20:51: schema-type: 'mode' must be text, not 4755",
            id="mode-number",
        ),
        pytest.param(
            extended("environment:\n  LD_PRELOAD: x\n"),
            "26:3: recipe-environment: 'LD_PRELOAD' is not a recipe's to set",
            id="environment",
        ),
        pytest.param(
            changed("  - plot\n", "  - plot\n  - {name: plot, run: x}\n"),
            "21:12: recipe-duplicate: 'plot' stands here a second time, first on line 20",
            id="command-twice",
        ),
        pytest.param(
            changed("  - plot\n", '  - {name: plot, run: "it\'s"}\n'),
            "20:23: recipe-command: 'it's' cannot be split",
            id="command-quote",
        ),
        pytest.param(
            changed("  - plot\n", "  - {name: plot, run: '; rm'}\n"),
            "20:23: recipe-command: '; rm' does not begin with a program",
            id="command-shell",
        ),
        pytest.param(
            changed("  - plot\n", "  - ../plot\n"),
            "20:5: schema-pattern: item 1 of 'commands' must be a command's name",
            id="command-path",
        ),
        pytest.param(
            extended("runtime:\n  desktop: {command: show, title: Show}\n"),
            "26:22: recipe-desktop: 'show' is not one of the commands",
            id="desktop",
        ),
        pytest.param(
            extended("  - {name: plots, kind: command, run: x}\n"),
            "25:12: recipe-duplicate: 'plots' stands here a second time, first on line 22",
            id="test-twice",
        ),
        pytest.param(
            changed("kind: command", "kind: mpi\n    expect: x"),
            "23:11: recipe-test: a test of kind 'mpi' needs a package with mpi: true",
            id="test-mpi",
        ),
        pytest.param(
            changed("kind: command", "kind: gui"),
            "22:5: recipe-test: a test of kind 'gui' needs 'window'",
            id="test-gui",
        ),
        pytest.param(
            extended("    window: Plot\n"),
            "25:5: recipe-test: a test of kind 'command' has no 'window'",
            id="test-window",
        ),
        pytest.param(
            changed("kind: command", 'kind: gui\n    window: "Plot ("'),
            "24:13: recipe-test: 'Plot (' is not a regular expression",
            id="test-title",
        ),
        pytest.param(
            changed("kind: command", "kind: gui\n    window: Plot [\\d]"),
            "24:13: recipe-test: 'Plot [\\d]' is not an extended regular expression",
            id="test-title-grep",
        ),
        pytest.param(
            changed("    run: plot\n", ""),
            "22:5: recipe-test: a test of kind 'command' needs 'run'",
            id="test-run",
        ),
        pytest.param(
            changed("kind: command\n    run: plot", "kind: import"),
            "22:5: recipe-test: a test of kind 'import' needs 'modules' or 'run'",
            id="test-modules",
        ),
        pytest.param(
            changed("kind: command", "kind: import\n    modules: [a]"),
            "24:14: recipe-test: a test has either 'modules' or 'run'",
            id="test-modules-run",
        ),
        pytest.param(
            changed("kind: command", "kind: mpi") + "runtime: {mpi: true}\n",
            "22:5: recipe-test: a test of kind 'mpi' needs 'expect', 'files' or 'stdout'",
            id="test-mpi-expect",
        ),
        pytest.param(
            changed(
                "kind: command\n    run: plot",
                "kind: mpi\n    run: mpirun -n 2 plot\n    expect: x",
            )
            + "runtime: {mpi: true}\n",
            "24:10: recipe-test: a test of kind 'mpi' starts its two processes itself",
            id="test-mpirun",
        ),
        pytest.param(
            extended("    files: [a.png, ../b.png]\n"),
            "25:20: recipe-test: '../b.png' is not a file in the test's folder",
            id="test-file",
        ),
        pytest.param(
            extended("    files: [{path: a, pattern: '*'}]\n"),
            "25:32: recipe-test: '*' is not a regular expression",
            id="test-pattern",
        ),
        pytest.param(
            changed("kind: command", "kind: smoke"),
            "23:11: schema-value: 'kind' must be command, import, gui, notebook, gpu or mpi",
            id="test-smoke",
        ),
        pytest.param(
            changed("- gnuplot-nox", "- gnuplot-nox=5.4"),
            "18:7: schema-pattern: item 1 of 'apt' must be the name of a Debian package",
            id="apt-version",
        ),
        pytest.param(
            changed("- gnuplot-nox", "- gnuplot-nox\n    - gnuplot-nox"),
            "19:7: recipe-duplicate: 'gnuplot-nox' stands here a second time, first on line 18",
            id="apt-twice",
        ),
        pytest.param(
            extended('release: {supported_until: "2027-02-30"}\n'),
            "25:28: recipe-date: 2027-02-30 is not in the calendar",
            id="date",
        ),
        pytest.param(
            changed("email: somebody@example.org", "orcid: https://orcid.org/0000-0002-1825-0098"),
            "14:12: recipe-orcid: the ORCID's last digit does not fit",
            id="orcid",
        ),
        pytest.param(
            extended("release: {replaced_by: other}\n"),
            "25:24: recipe-replaced: 'other' is not another package here",
            id="replaced",
        ),
        pytest.param(
            extended("techniques: ['http://purl.org/pan-science/PaNET/PaNET2020018']\n"),
            "25:14: schema-pattern: item 1 of 'techniques' must be a PaNET term",
            id="technique",
        ),
    ],
)
def test_a_broken_rule_is_named_at_its_place(tmp_path: Path, recipe: str, problem: str) -> None:
    problems = found(tmp_path, recipe)

    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch()
    project = make_project(tmp_path, recipe=file("{source: link, target: /opt/x}"))
    (project / "recipes" / "plotter" / "link").symlink_to(secret)

    problems = read_recipe(project / "recipes" / "plotter").problems

    assert [p.message for p in problems] == ["'link' is a link that leaves the recipe's folder"]


def test_faults_of_the_schema_do_not_hide_the_others(tmp_path: Path) -> None:
    text = changed("base: debian-12", "base: debian-13").replace("version: 5.4.4", "version: 5")

    rules = [line.split(": ")[1] for line in found(tmp_path, text)]

    assert rules == ["schema-type", "recipe-base"]


@pytest.mark.parametrize("value", ["null", "3", "text", "[]", "[[]]", "{}", "[{}]", "{a: {b: []}}"])
@pytest.mark.parametrize(
    "field", ["license", "maintainers", "build", "commands", "tests", "environment", "runtime"]
)
def test_no_shape_of_a_value_is_a_traceback(tmp_path: Path, field: str, value: str) -> None:
    text = f"schema: 1\n{field}: {value}\n"

    assert found(tmp_path, text)
