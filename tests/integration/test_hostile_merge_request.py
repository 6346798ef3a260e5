# SPDX-License-Identifier: BSD-3-Clause
"""A merge request that wants what is not its own: it gets nothing, and whoever reviews it sees it.

Its scripts run before anybody has read them, on a runner with secrets around: in the environment of the
program, in the home folder, in the state, in the checkout. The program runs as a job runs it, as the user
that it is; what it leaves is looked through for a word that nobody but those places has.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from types import MappingProxyType

import pytest

from builder.state import State
from core import process
from core.process import Completed
from pansoft.ci.pipeline import REPORT_FILE
from tests.builder.conftest import Builds, builds
from tests.checkouts import commit, git, new_checkout
from tests.gitlab_server import DEVELOPER, Project, gitlab_server
from tests.integration.program import ROOT
from tests.real_projects import add_recipe, real_project

__all__ = ["builds"]

pytestmark = pytest.mark.needs("apptainer", "mksquashfs", "mmdebstrap", "git", "gpg")

NAME = "plotter"
LOOKED = "=== looked at everything ==="
STAYS = 86397
"""Seconds that a process sleeps which is to outlive its build: its number is in its command line."""

READS = r"""
echo "=== environment"
env
cat /proc/*/environ /proc/*/cmdline 2>&1 | tr '\0' '\n'
echo "=== keys"
for place in PLACES; do
    for root in '' /proc/1/root /proc/self/root /run/outside ../../../../../../../..; do
        ls -laR "$root$place" 2>&1
        cat "$root$place" "$root$place"/* "$root$place"/.[a-z]* 2>/dev/null
    done
done
for folder in /root /home /etc /run /srv /mnt /media /var /tmp /work /pansoft-test; do
    grep -rsh -e 'canary-' "$folder" 2>/dev/null | head -n 20
done
ls -la /root /home /run /var/run/docker.sock /run/user 2>&1
perl -e 'mkdir "j"; chroot "j"; chdir ".." for 1..99; chroot "."; exec "cat", @ARGV' PLACES 2>/dev/null
mount -t proc proc /mnt 2>/dev/null; mount --bind / /mnt 2>/dev/null
"""

WRITES = r"""
echo "=== writes"
for place in TARGETS; do
    for root in '' /proc/1/root ../../../../../../../..; do
        mkdir -p "$root$place" 2>/dev/null
        { echo evil > "$root$place/evil"; } 2>/dev/null
        { echo evil >> "$root$place/recipe.yaml"; } 2>/dev/null
    done
    ln -s "$place" "$here/way" 2>/dev/null
    { echo evil > "$here/way/evil-by-link"; } 2>/dev/null
    rm -f "$here/way"
    echo evil > "$here/evil"
    tar -cPf "$here/a.tar" --transform="s,^.*\$,$place/evil-by-tar," "$here/evil" 2>/dev/null
    tar -xPf "$here/a.tar" 2>/dev/null
    cp "$here/a.tar" "$place/" 2>/dev/null
done
for input in $(find /run/pansoft/archive/pool -type f 2>/dev/null | head -n 3); do
    ln "$input" "$here/hard" && { echo evil >> "$here/hard"; }
    chmod 777 "$input"; { echo evil >> "$input"; }; rm -f "$input" "$here/hard"
done 2>/dev/null
mknod "$here/disk" b 8 0; mknod "$here/memory" c 1 1
mkfifo "$here/pipe"
"""

CALLS = r"""
echo "=== calls"
perl -MSocket -e '
    for my $host ("127.0.0.1", "ADDRESS") {
        socket(my $s, PF_INET, SOCK_STREAM, 0) or next;
        local $SIG{ALRM} = sub { die };
        eval { alarm 3; connect($s, sockaddr_in(PORT, inet_aton($host))) and print "reached $host\n"; };
        alarm 0;
    }
    socket(my $u, PF_UNIX, SOCK_STREAM, 0);
    connect($u, pack("S a*", PF_UNIX, "\0ABSTRACT")) and print "reached the abstract socket\n";
' 2>&1
getent hosts example.org && echo "reached a name server"
"""

STAYING = rf"""
echo "=== stays"
(setsid sleep {STAYS} >/dev/null 2>&1 </dev/null &)
(perl -MPOSIX -e 'fork and exit; POSIX::setsid(); fork and exit; exec "sleep", "{STAYS}"' \
    >/dev/null 2>&1 </dev/null &)
"""


@dataclass
class Listener:
    """Sockets of the host that nobody has to reach."""

    port: int
    abstract: str
    reached: list[str] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen on all addresses of the host and on a socket that has a name and no file."""
    name = f"pansoft-{secrets.token_hex(8)}"
    ended = Event()
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("0.0.0.0", 0))
        unix.bind(f"\0{name}")
        listener = Listener(tcp.getsockname()[1], name)

        def accept(door: socket.socket, what: str) -> None:
            door.listen()
            door.settimeout(0.2)
            while not ended.is_set():
                try:
                    door.accept()[0].close()
                except TimeoutError:
                    continue
                listener.reached.append(what)

        threads = [
            Thread(target=accept, args=pair) for pair in ((tcp, "network"), (unix, "abstract"))
        ]
        for thread in threads:
            thread.start()
        try:
            yield listener
        finally:
            ended.set()
            for thread in threads:
                thread.join()


@dataclass
class Runner:
    """A machine with a checkout of a merge request, a state with keys, a home folder, and a secret in all."""

    project: Path
    state: Path
    home: Path
    secret: str
    listener: Listener
    said: list[str] = field(default_factory=list)

    def run(
        self,
        *arguments: str | Path,
        status: int | None = 0,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> Completed:
        """Run the program with the secrets of a job around it, and remember all that it says."""
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.home),
            "CI_PROJECT_DIR": str(self.project),
            **dict.fromkeys(
                ("PANSOFT_GITLAB_TOKEN", "CI_JOB_TOKEN", "PANSOFT_ID_TOKEN", "NOTHING_SPECIAL"),
                self.secret,
            ),
            **variables,
        }
        where = ("--project", self.project, "--state", self.state)
        done = process.run(
            [sys.executable, "-m", "pansoft", *where, *arguments],
            reason="run pansoft",
            cwd=ROOT,
            env=environment,
            check=False,
        )
        self.said.append(done.stdout + done.stderr)
        assert "Traceback" not in self.said[-1], self.said[-1]
        if status is not None:
            assert done.returncode == status, self.said[-1]
        return done

    @property
    def places(self) -> list[Path]:
        """Return where the secret is."""
        return [
            self.home / ".netrc",
            self.home / ".gnupg",
            self.home / ".ssh",
            self.state / "keys",
            self.project / ".git" / "config",
        ]

    @property
    def targets(self) -> list[Path]:
        """Return where others would be hit."""
        return [
            self.home,
            self.home / ".ssh",
            self.state,
            self.state / "keys",
            self.state / "images",
            self.state / "inputs" / "00",
            self.project / "recipes" / "neighbour",
            self.project / "trust-policy",
            self.project / ".git" / "hooks",
            self.project / "report",  # what later jobs read
            self.project / "reports" / NAME,
        ]

    def script(self, *parts: str) -> str:
        """Return an attack that knows all the paths of this machine; what it finds, it prints."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect(("192.0.2.1", 9))  # nothing is sent: it tells by which address one would go
            address = way.getsockname()[0]
        text = "".join(("set +eu\nhere=${PREFIX:-$PWD}\n", *parts, f"echo '{LOOKED}'\n"))
        words = {
            "PLACES": " ".join(map(str, self.places)),
            "TARGETS": " ".join(map(str, self.targets)),
            "ADDRESS": address,
            "PORT": str(self.listener.port),
            "ABSTRACT": self.listener.abstract,
        }
        for word, instead in words.items():
            text = text.replace(word, instead)
        return text

    def recipe(self, *, script: str | None = None, test: str | None = None) -> None:
        """Let the merge request have a recipe with these scripts."""
        build = script or "mkdir -p $PREFIX/bin"
        plot = "printf '#!/bin/sh\\necho plotted\\n' > $PREFIX/bin/plot; chmod 755 $PREFIX/bin/plot"
        lines = "\n    ".join(f"{build.strip()}\nmkdir -p $PREFIX/bin\n{plot}".splitlines())
        changes = {}
        if test is not None:
            block = "\n      ".join(test.strip().splitlines())
            changes["    run: plot\n"] = f"    run: |\n      {block}\n"
        real_project(self.project, lines, changes=changes)
        commit(self.project, "recipes: a plotter")

    def snapshot(self) -> dict[str, object]:
        """Return what is where others keep their things, but for what builds and tests are to write."""
        found: dict[str, object] = {}
        roots = (self.home, self.project, self.state / "keys", self.state / "inputs")
        for root in roots:
            for path in (root, *root.rglob("*")):
                status = path.lstat()
                own = (stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), status.st_nlink)
                if path.is_file() and not path.is_relative_to(self.state / "inputs"):
                    own = (*own, hashlib.sha256(path.read_bytes()).hexdigest())  # type: ignore[assignment]
                found[str(path)] = own if path.is_file() else own[:2]
        return found

    def left(self) -> Iterator[tuple[Path, bytes]]:
        """Yield every file of the state but inputs, bases and keys."""
        for path in self.state.rglob("*"):
            top = path.relative_to(self.state).parts[0]
            if top not in ("inputs", "bases", "keys") and path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()

    def log(self) -> str:
        """Return what the last build said."""
        state = State(self.state)
        logs = [*self.state.glob("images/*/build.log"), *self.state.rglob("failed/*.log")]
        assert logs, state.folder
        return max(logs, key=lambda log: log.stat().st_mtime).read_text(errors="replace")


def check_nothing_was_got(
    runner: Runner, before: dict[str, object], *, new: Path | None = None
) -> None:
    """Check that the secret is nowhere, nothing was changed, reached or left; `new` may have new files."""
    assert not [said for said in runner.said if runner.secret in said]
    assert [path for path, content in runner.left() if runner.secret.encode() in content] == []
    assert {
        path: what
        for path, what in runner.snapshot().items()
        if path in before or new is None or not Path(path).is_relative_to(new)
    } == before
    assert runner.listener.reached == []
    assert processes(str(STAYS)) == []
    assert list(runner.state.glob("scratch/*")) == []


def processes(word: str) -> list[str]:
    """Return the processes of this machine that have a word in their command line, a second later."""
    time.sleep(1)
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if word in words:
            found.append(" ".join(words))
    return found


@pytest.fixture
def runner(builds: Builds, tmp_path: Path) -> Iterator[Runner]:
    secret = f"canary-{secrets.token_hex(16)}"
    home = tmp_path / "home"
    state = builds.beside(tmp_path / "state").folder
    project = new_checkout(tmp_path / "software")
    real_project(project)
    add_recipe(project, "neighbour", "true")
    commit(project, "recipes of others")
    for name in (".netrc", ".gnupg/key", ".ssh/id_ed25519"):
        (home / name).parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        (home / name).write_text(f"machine git.example password {secret}\n")
    (state / "keys").mkdir(mode=0o700)
    (state / "keys" / "signing.key").write_text(secret)
    git(project, "remote", "add", "origin", f"https://bot:{secret}@git.example/pan/recipes.git")
    for folder in (tmp_path, *tmp_path.parents[:2], home, state, project):
        folder.chmod(folder.stat().st_mode | 0o055)  # as in a container in which nobody took care
    with listening() as listener:
        yield Runner(project, state, home, secret, listener)


def test_a_build_script_gets_nothing(runner: Runner) -> None:
    runner.recipe(script=runner.script(READS, WRITES, CALLS, STAYING))
    before = runner.snapshot()

    runner.run("build", NAME)

    assert LOOKED in runner.log()
    assert f"PREFIX=/opt/{NAME}" in runner.log()  # so it would have shown
    assert "reached" not in runner.log()
    check_nothing_was_got(runner, before)


def test_a_test_gets_nothing(runner: Runner) -> None:
    runner.recipe(test=runner.script(READS, WRITES, CALLS, STAYING) + "exit 3\n")
    before = runner.snapshot()

    done = runner.run("test", NAME, "--output", runner.state / "reports", status=2)

    said = next(iter(runner.state.glob("images/*/tests/1-1/output.txt"))).read_text()
    assert LOOKED in said
    assert "HOME=/work" in said
    assert "reached" not in said
    assert "plots" in done.stdout
    check_nothing_was_got(runner, before)


SHOUTS = [
    "\x1b[0Ksection_start:1700000000:evil[collapsed=true]\r\x1b[0KNothing to see",
    "\x1b]0;a new title\x07\x1b[2J\x1b[31mred",
    "::add-mask::plotted",
    "/close",
    "/merge",
    "/assign @root",
    "@all please look at #1, !1 and ~bug",
    "![pixel](https://evil.example/pixel.png)",
    "<img src=https://evil.example/pixel.png><script>alert(1)</script>",
    "</code></pre></details>",
    "```",
    "<!-- pansoft:report -->",
    "| ✅ ready | a table |",
    "==> packing",
]
"""What means something to a terminal, to a log of GitLab or to its Markdown."""


def shouting() -> str:
    """Return a script that prints all of it, each at the beginning of a line, and fails."""
    lines = "".join(f"{line}\n" for line in SHOUTS)
    octal = "".join(f"\\{byte:03o}" for byte in lines.encode())
    return f"printf '{octal}'\nexit 3\n"


def told_of(runner: Runner, report: Path, *paths: str) -> tuple[Completed, Project]:
    """Let the merge request be told what its pipeline left, and return what was said and the project.

    Args:
        runner: whose checkout is that of the default branch here.
        report: what the pipeline left.
        paths: what the merge request changes.
    """
    with gitlab_server() as server:
        project = server.add_project("pan/recipes")
        request = project.add_merge_request(source="plotter")
        project.add_pipeline(request, {REPORT_FILE: (report / "packages.json").read_bytes()})
        project.diffs[1] = [{"old_path": path, "new_path": path} for path in paths]
        variables = {
            "CI_SERVER_URL": server.address,
            "CI_PROJECT_ID": str(project.id),
            "CI_COMMIT_SHA": "0" * 40,
            "PANSOFT_GITLAB_TOKEN": server.add_token("bot", level=DEVELOPER),
        }
        told = runner.run("ci", "post", variables=variables)
        assert variables["PANSOFT_GITLAB_TOKEN"] not in told.stdout + told.stderr
        return told, project


def test_what_it_changes_beside_its_own_recipe_is_told(runner: Runner) -> None:
    """It also makes itself the one who looks after the recipe of others; nobody believes that."""
    git(runner.project, "switch", "-q", "-c", "hostile")
    runner.recipe()
    theirs = runner.project / "recipes" / "neighbour" / "recipe.yaml"
    theirs.write_text(theirs.read_text().replace("name: Somebody", "name: Mallory"))
    (runner.project / ".gitlab-ci.yml").write_text("anything: {script: env}\n")
    policy = runner.project / "trust-policy" / "policy.yaml"
    policy.write_text(f"{policy.read_text()}# harmless\n")
    commit(runner.project, "recipes: a plotter")
    paths = git(runner.project, "diff", "--name-only", "main").splitlines()
    report = runner.state / "report"
    runner.run("ci", "report", NAME, "--output", report)
    git(runner.project, "switch", "-q", "main")

    _, project = told_of(runner, report, *paths)

    [note] = project.notes["merge_requests", 1]
    assert "Changes more than recipes" in note["body"]
    assert "<code>&#46;gitlab-ci&#46;yml</code> and <code>trust-policy&#47;policy" in note["body"]
    assert "Changes recipes that others look after" in note["body"]
    assert "<code>neighbour</code> of <code>Somebody</code>" in note["body"]
    assert "Mallory" not in note["body"]
    labels = project.merge_requests[1]["labels"]
    assert {"pansoft-beyond-recipes", "pansoft-recipes-of-others"} <= set(labels)


@pytest.mark.parametrize("where", ["build", "test"])
def test_what_a_script_prints_is_text_in_the_log_and_in_the_note(
    runner: Runner, where: str
) -> None:
    runner.recipe(**{"script" if where == "build" else where: shouting()})
    report = runner.state / "report"

    runner.run(where, NAME, status=2)
    runner.run("ci", "report", NAME, "--output", report)

    assert all("\x1b" not in said and "\r" not in said for said in runner.said)
    told, project = told_of(runner, report)
    [note] = project.notes["merge_requests", 1]

    assert told.stdout == "!1: note created\n"
    assert project.quick_actions == []
    assert project.merge_requests[1]["labels"] == ["pansoft::failed"]
    body = note["body"]
    assert "a table" in body  # so all of it was shown
    assert body.count("<!-- pansoft:report -->") == 1
    for word in (
        "@all",
        "at #1",
        "!1",
        "~bug",
        "evil.example",
        "<img",
        "<script",
        "```",
        "\x1b",
        "/close",
    ):
        assert word not in body
    assert "glpat" not in body


LEAVES = r"""
mkdir -p $PREFIX/bin $PREFIX/share
cp /bin/sh $PREFIX/bin/root; chmod 4755 $PREFIX/bin/root
echo data > $PREFIX/share/anybody; chmod 666 $PREFIX/share/anybody
ln -s HOME/.netrc $PREFIX/share/link
ln -s STATE/keys $PREFIX/share/keys
ln -s / $PREFIX/share/everything
ln -s loop $PREFIX/share/loop
mkfifo $PREFIX/share/pipe
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack("S a*", PF_UNIX, $ARGV[0]))' \
    $PREFIX/share/sock
printf odd > "$PREFIX/share/$(printf 'two\nlines \377 \033[2J')"
mkdir $PREFIX/share/closed; echo x > $PREFIX/share/closed/x; chmod 000 $PREFIX/share/closed
truncate -s 15G $PREFIX/share/hole
"""


def test_what_a_build_leaves_is_looked_at_and_not_followed(runner: Runner) -> None:
    script = LEAVES.replace("HOME", str(runner.home)).replace("STATE", str(runner.state))
    runner.recipe(script=script)
    before = runner.snapshot()

    done = runner.run("apply", NAME, "--jobs", "1", status=3)

    said = done.stdout + done.stderr
    assert "no-setuid" in said
    assert f"/opt/{NAME}/bin/root" in said
    assert f"/opt/{NAME}/share/anybody" in said
    check_nothing_was_got(runner, before, new=runner.state / "keys")


@pytest.mark.parametrize(
    ("depth", "why"),
    [(1500, "lie in one another more than 256 deep"), (9000, "wrote more than")],
)
def test_folders_without_an_end_end_the_build(runner: Runner, depth: int, why: str) -> None:
    runner.recipe(
        script=f"""cd /opt; perl -e 'for (1..{depth}) {{ mkdir("d"); chdir("d") or die }}'; sleep 5"""
    )
    before = runner.snapshot()

    done = runner.run("build", NAME, status=2)

    assert why in done.stderr
    check_nothing_was_got(runner, before)


@pytest.mark.parametrize(
    "place",
    [
        f"recipes/{NAME}/recipe.yaml",
        f"recipes/{NAME}/lock.json",
        f"recipes/{NAME}",
        "recipes/bases/evil/base.yaml",
        "recipes/bases/evil",
        "recipes/updates.yaml",
    ],
)
def test_a_link_in_a_recipe_shows_no_file_of_the_runner(runner: Runner, place: str) -> None:
    runner.recipe()
    link = runner.project / place
    is_folder = place.endswith((NAME, "evil"))
    others = runner.home if is_folder else runner.home / ".netrc"
    for name in ("recipe.yaml", "base.yaml", "lock.json"):
        (runner.home / name).write_text((runner.home / ".netrc").read_text())
    if link.is_dir():
        process.run(["rm", "-r", link], reason="make room for a link")
    link.unlink(missing_ok=True)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(others)
    commit(runner.project, "recipes: a link")
    before = runner.snapshot()
    report = runner.state / "report"

    for command in (("check",), ("check", "--format", "gitlab"), ("plan",), ("build", NAME)):
        runner.run(*command, status=None)
    runner.run("ci", "report", NAME, "--since", "HEAD~1", "--output", report, status=None)

    assert [said for said in runner.said if "is a link" in said]
    check_nothing_was_got(runner, before)
