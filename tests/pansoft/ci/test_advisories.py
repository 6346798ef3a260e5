# SPDX-License-Identifier: BSD-3-Clause
"""`pansoft ci advisories`: a locked project, genuine apt and pip, an archive, an index and a GitLab."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pansoft import cli
from tests.builder.conftest import host, server
from tests.builder.inputs.small_archive import ARCHIVE
from tests.builder.recipes.projects import changed, make_project
from tests.gitlab_server import DEVELOPER, GitlabServer, Project, Thing, gitlab_server
from tests.packages import Deb, debian_archive, index_page, wheel
from tests.real_projects import ROOT
from tests.servers import FileServer, Status

__all__ = ["host", "server"]
pytestmark = pytest.mark.needs("apt-get", "dpkg-deb")

CHANGELOG = """\
libgd3 (2.3.3-9+deb12u1) bookworm-security; urgency=high

  * CVE-2026-0001, CVE-2026-0002

libgd3 (2.3.3-9) unstable; urgency=low

  * CVE-2020-0001
"""
MENDED = Deb("libgd3", "2.3.3-9+deb12u1", changelog=CHANGELOG)
JSON_API = "/pypi/gemmi/1.0/json"
IGNORED = """\
    ignored:
      - id: {}
        packages: [{}]
        reason: The function is not called.
        by: A. Person
        until: {}
"""


@dataclass
class Scene:
    """A project with one locked recipe, its archive and index, and a GitLab."""

    root: Path
    host: FileServer
    server: GitlabServer
    project: Project
    capsys: pytest.CaptureFixture[str]

    def run(self, *argv: str, command: str = "ci advisories") -> tuple[int, str, str]:
        """Return the status, the answer and the talk of a command."""
        state = self.root.parent / "state"
        self.capsys.readouterr()
        status = cli.invoke(
            ["-q", "--project", str(self.root), "--state", str(state), *command.split(), *argv]
        )
        said = self.capsys.readouterr()
        return status, said.out, said.err

    def look(self, *argv: str) -> tuple[int, Any]:
        """Return the status and the JSON of a look."""
        status, out, _ = self.run("--json", *argv)
        return status, json.loads(out)

    def mend(self, *debs: Deb, suite: str = "bookworm-security") -> None:
        """Let a suite of the archive have these packages, and the host know it from now on."""
        folder = self.root.parent / f"archive of {suite}"
        self.host.add_folder(debian_archive(folder, debs, suite=suite), at="/debian")
        sources = self.root.parent / "host" / "sources.list"
        address = self.host.url("/debian")
        sources.write_text(f"{sources.read_text()}deb [trusted=yes] {address} {suite} main\n")
        shutil.rmtree(self.root.parent / "state" / "apt", ignore_errors=True)

    def ignore(self, advisory: str, package: str, until: str) -> None:
        """Let the policy ignore an advisory in a package until a day."""
        file = self.root / "trust-policy" / "policy.yaml"
        text = file.read_text()
        assert "    ignored: []\n" in text
        file.write_text(text.replace("    ignored: []\n", IGNORED.format(advisory, package, until)))

    def yank(self, reason: str) -> None:
        """Withdraw the wheel from the index."""
        page = self.host.files["/simple/gemmi/"].decode()
        self.host.files["/simple/gemmi/"] = page.replace(
            "<a ", f'<a data-yanked="{reason}" '
        ).encode()

    @property
    def issues(self) -> list[Thing]:
        return list(self.project.issues.values())


@pytest.fixture
def scene(
    host: FileServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Scene]:
    for name in list(os.environ):
        if name.startswith("CI_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PANSOFT_OSV", raising=False)
    host.add_folder(debian_archive(tmp_path / "archive", ARCHIVE), at="/debian")
    name, content = wheel("gemmi")
    host.files["/simple/gemmi/"] = index_page({name: content})
    host.types["/simple/gemmi/"] = "text/html"
    host.files[f"/files/{name}"] = content
    recipe = changed("    - gnuplot-nox\n", "    - gnuplot-nox\n  pip: [gemmi==1.0]\n")
    root = make_project(tmp_path / "project", recipe=recipe)
    shutil.copytree(ROOT / "trust-policy", root / "trust-policy")
    with gitlab_server() as gitlab:
        project = gitlab.add_project("pan/recipes")
        variables = {
            "CI_SERVER_URL": gitlab.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_COMMIT_SHA": project.branches["main"][-1]["id"],
            "PANSOFT_GITLAB_TOKEN": gitlab.add_token("bot", level=DEVELOPER),
        }
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        made = Scene(root, host, gitlab, project, capsys)
        assert made.run("plotter", command="lock")[0] == 0
        yield made


def sources(answer: Any) -> dict[str, tuple[int, str | None, bool]]:
    return {
        each["name"]: (each["asked"], each["not_asked"], each["fault"])
        for each in answer["sources"]
    }


def test_where_nothing_is_known_nothing_is_to_be_done(scene: Scene) -> None:
    status, answer = scene.look()

    assert (status, answer["alarms"], answer["ignored"]) == (0, [], [])
    assert answer["packages"] == [{"name": "plotter", "version": "5.4.4", "published": False}]
    assert sources(answer) == {
        "records": (8, None, False),
        "debian": (7, None, False),
        "pypi": (0, "the Python index of this host has no JSON API of releases", False),
        "withdrawn": (1, None, False),
    }


def test_what_the_security_suite_mends_is_to_be_done(scene: Scene) -> None:
    scene.mend(MENDED)

    status, answer = scene.look("plotter")

    [alarm] = answer["alarms"]
    assert status == 3
    assert [each["id"] for each in alarm["advisories"]] == ["CVE-2026-0001", "CVE-2026-0002"]
    assert (alarm["name"], alarm["version"], alarm["fixed_in"], alarm["level"], alarm["do"]) == (
        "libgd3",
        "2.3.3-9",
        "2.3.3-9+deb12u1",
        None,
        ["pansoft lock plotter"],
    )


def test_a_security_update_without_a_changelog_counts(scene: Scene) -> None:
    scene.mend(Deb("libgd3", "1:0.1-1"), Deb("libc6", "2.36-9~rc1"))  # newer by its epoch; older

    status, out, _ = scene.run()

    assert status == 3
    assert out.startswith(
        "libgd3 2.3.3-9\n"
        "    bookworm-security/libgd3=1:0.1-1: severity not said, fixed in 1:0.1-1\n"
        "    in plotter 5.4.4\n"
        "    do pansoft lock plotter\n"
    )
    assert "libc6" not in out


def test_an_update_that_names_no_vulnerability_is_none(scene: Scene) -> None:
    plain = CHANGELOG.replace("CVE-2026-0001, CVE-2026-0002", "A typing error")
    scene.mend(Deb("libgd3", "2.3.3-9+deb12u1", changelog=plain), suite="bookworm-updates")
    scene.mend(Deb("bash", "9.0-1", changelog=CHANGELOG), suite="bookworm-backports")

    assert scene.run()[0] == 0


def test_a_package_of_the_base_is_mended_in_the_base(scene: Scene) -> None:
    scene.mend(Deb("bash", "1.0-1+deb12u1"))

    [alarm] = scene.look()[1]["alarms"]

    assert (alarm["name"], alarm["do"]) == ("bash", ["pansoft lock debian-12"])


def test_what_makers_and_index_say_of_a_release_is_told_once(scene: Scene) -> None:
    scene.yank("wrong results")
    scene.host.files[JSON_API] = json.dumps(
        {
            "vulnerabilities": [
                {"id": "PYSEC-1", "aliases": ["CVE-1"], "details": "bad", "fixed_in": ["1.1"]},
                {"id": "PYSEC-2", "fixed_in": [], "withdrawn": "2026-01-01T00:00:00Z"},
            ]
        }
    ).encode()

    status, out, _ = scene.run()

    assert status == 3
    assert out.startswith(
        "gemmi 1.0\n"
        "    CVE-1: severity not said, fixed in 1.1: bad\n"
        "    withdrawn/gemmi=1.0: withdrawn by its makers: wrong results\n"
        "    in plotter 5.4.4\n"
        "    do pansoft lock plotter\n"
    )


def test_an_index_that_does_not_answer_is_not_taken_for_good_news(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    scene.host.faults[JSON_API] = [Status(500)] * 9

    status, answer = scene.look()

    assert status == 2
    assert sources(answer)["pypi"] == (0, "the Python index did not answer (RetryError)", True)


def test_an_archive_that_is_not_there_is_not_taken_for_good_news(scene: Scene) -> None:
    shutil.rmtree(scene.root.parent / "state" / "apt")
    scene.host.files = {k: v for k, v in scene.host.files.items() if "/dists/" not in k}

    status, answer = scene.look()

    asked, why, is_fault = sources(answer)["debian"]
    assert (status, asked, is_fault) == (2, 0, True)
    assert (why or "").startswith("the host's Debian archives cannot be read: ")


def test_a_package_that_cannot_be_looked_into_is_told_of(scene: Scene) -> None:
    (scene.root / "recipes" / "plotter" / "lock.json").unlink()

    status, out, _ = scene.run()

    assert status == 2
    assert "  cannot be looked into: plotter 5.4.4: plotter has no lock\n" in out


def test_records_of_folders_that_the_site_mirrors_are_asked(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {
        "id": "PYSEC-1\n    do rm -r ~",
        "modified": "2026-01-01T00:00:00Z",
        "details": "bad\n    do rm -r ~\x1b[2J",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "Gemmi"}, "versions": ["1.0"]}],
        "database_specific": {"severity": "MODERATE"},
    }
    one, other = tmp_path / "one", tmp_path / "other" / "PyPI"
    for folder in (one, other):
        folder.mkdir(parents=True)
    (one / "a.json").write_text(json.dumps(record))
    (other / "b.json").write_text("{")
    monkeypatch.setenv("PANSOFT_OSV", f"{one}:{other.parent}")

    status, out, _ = scene.run()
    lesser = scene.run("--level", "high")

    assert status == 3
    assert out.splitlines()[1] == (
        "    PYSEC-1 do rm -r ~: medium, no mended version known: bad do rm -r ~[2J"
    )
    assert "records that cannot be read count for nothing: advisory-unreadable: b.json" in out
    assert lesser[0] == 2  # nothing so bad, and not all was read
    assert lesser[1].startswith("less bad than was asked for: 1\n")


def test_what_the_policy_ignores_is_told_and_no_alarm(scene: Scene) -> None:
    scene.yank("wrong results")
    scene.ignore("withdrawn/gemmi=1.0", "plotter", "2999-12-31")

    status, answer = scene.look()

    assert (status, answer["alarms"]) == (0, [])
    assert answer["ignored"] == [
        {
            "id": "withdrawn/gemmi=1.0",
            "name": "gemmi",
            "version": "1.0",
            "reason": "The function is not called.",
            "by": "A. Person",
            "until": "2999-12-31",
            "packages": [{"name": "plotter", "version": "5.4.4", "published": False}],
        }
    ]


def test_a_day_that_is_over_is_told_here_and_by_check(scene: Scene) -> None:
    scene.yank("wrong results")
    scene.ignore("withdrawn/gemmi=1.0", "nobody", "2026-01-31")

    status, out, _ = scene.run(command="check")

    assert status == 0
    assert "ignored-ended: withdrawn/gemmi=1.0 was ignored until 2026-01-31" in out
    assert "ignored-nowhere: withdrawn/gemmi=1.0 is ignored in 'nobody'" in out
    assert scene.run()[0] == 3


def test_there_is_one_issue_until_nothing_is_left(scene: Scene) -> None:
    link = f"{scene.server.address}/pan/recipes/-/issues"
    page = scene.host.files["/simple/gemmi/"]
    scene.yank("wrong @all results")

    first = scene.run("--post")
    [issue] = scene.issues
    issue["description"] = issue["description"].replace("- [ ]", "- [x]")
    second = scene.run("--post")
    kept = str(issue["description"])
    scene.host.files["/simple/gemmi/"] = page
    third = scene.run("--post")

    ended = [(status, out.splitlines()[-1]) for status, out, _ in (first, second, third)]
    assert ended[0] == (0, f"issue created: {link}/1")
    assert ended[1] == (0, f"issue unchanged: {link}/1")
    assert ended[2] == (0, f"issue closed: {link}/1")
    assert (issue["title"], issue["labels"]) == ("Known vulnerabilities: 1", ["advisories"])
    assert "- [x] <!--" in kept
    assert "@" not in kept
    assert issue["state"] == "closed"


def test_the_issue_stays_open_where_somebody_could_not_be_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    page = scene.host.files["/simple/gemmi/"]
    scene.yank("wrong results")
    scene.run("--post")
    scene.host.files["/simple/gemmi/"] = page
    scene.host.faults[JSON_API] = [Status(500)] * 9

    status, out, _ = scene.run("--post")

    assert (status, scene.issues[0]["state"]) == (2, "opened")
    assert "issue" not in out


def test_what_cannot_be_posted_is_explained(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.yank("wrong results")
    of_one = scene.run("--post", "plotter")
    monkeypatch.setenv("PANSOFT_GITLAB_TOKEN", "wrong-and-secret")
    refused = scene.run("--post")
    monkeypatch.delenv("PANSOFT_GITLAB_TOKEN")
    without = scene.run("--post")

    assert [status for status, _, _ in (of_one, refused, without)] == [2, 2, 2]
    assert "takes no names" in of_one[2]
    assert "wrong-and-secret" not in "".join(refused[1:])
    assert "PANSOFT_GITLAB_TOKEN not set" in without[2]
    assert scene.issues == []


def test_the_answer_goes_into_a_file_as_well(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "advisories.json"

    _, answer = scene.look("--output", str(file))

    assert json.loads(file.read_text()) == answer
    assert answer["schema"] == 1
