# SPDX-License-Identifier: BSD-3-Clause
"""The one door to other programs: a list of arguments, a time limit, a line one can paste.

Never a shell, never an inherited standard input, and an environment that is passed on purpose.
A failure is explained by its kind: not found, out of time, killed by a signal, exit status.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from core.errors import CommandFailed, UserError

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_S = 600.0
_SHOWN_LINES = 15
_LOOK_EVERY_S = 0.2
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Completed:
    """What a program left behind: its status and its two outputs as text."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | Path],
    *,
    reason: str,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | bytes = b"",
    check: bool = True,
    hint: str | None = None,
) -> Completed:
    """Run a program to its end and return what it printed.

    Args:
        argv: the program and its arguments.
        reason: completes "to …" in the error: "unpack the base".
        timeout_s: after this many seconds the program and its children are killed.
        cwd: where it runs.
        env: its whole environment; None passes ours on.
        stdin: what it reads; nothing by default.
        check: whether a status other than 0 is an error.
        hint: what the person can do when it fails.

    Raises:
        CommandFailed: not found, out of time, killed, or a status other than 0 with `check`.
    """
    command = [str(part) for part in argv]
    log.debug("+ %s", shlex.join(command))
    data = stdin.encode() if isinstance(stdin, str) else stdin
    process = _start(command, reason, cwd=cwd, env=env, stdin=subprocess.PIPE, piped=True)
    try:
        out, err = process.communicate(data, timeout=timeout_s)
    except subprocess.TimeoutExpired as timeout:
        _kill_group(process)
        said = (timeout.stdout or b"") + (timeout.stderr or b"")
        raise CommandFailed(
            f"{command[0]} took longer than {timeout_s:.0f} s to {reason}",
            argv=command,
            returncode=None,
            stderr=said.decode("utf-8", "replace"),
            hint=hint or f"run it by hand to see where it waits: {shlex.join(command)}",
        ) from timeout
    except BaseException:
        _kill_group(process)
        raise
    done = Completed(
        tuple(command),
        process.returncode,
        out.decode("utf-8", "replace"),
        err.decode("utf-8", "replace"),
    )
    if check and done.returncode != 0:
        raise failure(done, reason=reason, hint=hint)
    return done


def run_watched(
    argv: Sequence[str | Path],
    *,
    reason: str,
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    most_output: int,
    too_much: Callable[[], str | None],
) -> Completed:
    """Run a program that nobody trusts to its end and return what it printed; any status will do.

    Args:
        argv: the program and its arguments.
        reason: completes "to …" in the error.
        env: its whole environment.
        cwd: where it runs.
        timeout_s: after this many seconds the program and its children are killed.
        most_output: bytes of both outputs together; with more it is killed.
        too_much: is called now and then and returns what else it took too much of, if anything: "it
            wrote more than 20 MB"; then it is killed.

    Raises:
        CommandFailed: not found, out of time, or stopped; `stderr` has what it had printed by then.
    """
    command = [str(part) for part in argv]
    log.debug("+ %s", shlex.join(command))
    process = _start(command, reason, cwd=cwd, env=env, stdin=subprocess.DEVNULL, piped=True)
    said: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    try:
        why = _listen(process, said, time.monotonic() + timeout_s, most_output, too_much)
        if why is None:
            return Completed(
                tuple(command),
                process.wait(),
                said["stdout"].decode("utf-8", "replace"),
                said["stderr"].decode("utf-8", "replace"),
            )
    finally:
        _kill_group(process)
    raise CommandFailed(
        f"was stopped: {why or f'it took longer than {timeout_s:.0f} s'}",
        argv=command,
        returncode=None,
        stderr=b"".join(said.values()).decode("utf-8", "replace"),
        hint=f"run it by hand to see what it does: {shlex.join(command)}",
    )


def _listen(
    process: subprocess.Popen[bytes],
    said: Mapping[str, bytearray],
    ends: float,
    most: int,
    too_much: Callable[[], str | None],
) -> str | None:
    """Take in what a program prints until it ends; return why not to wait, empty where time is up."""
    with selectors.DefaultSelector() as outputs:
        for name in said:
            outputs.register(getattr(process, name), selectors.EVENT_READ, name)
        look = time.monotonic() + _LOOK_EVERY_S
        while outputs.get_map():
            now = time.monotonic()
            if now >= ends:
                return ""
            if now >= look:
                if (why := too_much()) is not None:
                    return why
                look = time.monotonic() + max(_LOOK_EVERY_S, 20 * (time.monotonic() - now))
            for key, _ in outputs.select(min(_LOOK_EVERY_S, ends - now)):
                part = os.read(key.fd, 1 << 16)
                if not part:
                    outputs.unregister(key.fileobj)
                said[key.data].extend(part)
                if sum(map(len, said.values())) > most:
                    return f"it printed more than {most // 1_000_000} MB"
    try:
        process.wait(max(0.0, ends - time.monotonic()))
    except subprocess.TimeoutExpired:
        return ""
    return None


def run_logged(
    argv: Sequence[str | Path],
    *,
    reason: str,
    output: IO[bytes],
    env: Mapping[str, str],
    timeout_s: float,
    meanwhile: Callable[[], None],
) -> int:
    """Run a program whose two outputs go to a file as they come, and return its status.

    `meanwhile` is called a few times a second for as long as it runs. A program that is killed by a
    signal has its negative number as status.

    Raises:
        CommandFailed: not found, or out of time.
    """
    command = [str(part) for part in argv]
    log.debug("+ %s", shlex.join(command))
    process = _start(command, reason, cwd=None, env=env, stdin=subprocess.DEVNULL, output=output)
    ends = time.monotonic() + timeout_s
    try:
        while time.monotonic() < ends:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(_LOOK_EVERY_S)
            meanwhile()
    except BaseException:
        _kill_group(process)
        raise
    _kill_group(process)
    raise CommandFailed(
        f"{command[0]} took longer than {timeout_s:.0f} s to {reason}",
        argv=command,
        returncode=None,
        hint=f"run it by hand to see where it waits: {shlex.join(command)}",
    )


def start(
    argv: Sequence[str | Path],
    *,
    reason: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a long-running program in a process group of its own and return its handle.

    Its output goes to `output`, or nowhere. The caller stops it with `stop`.
    """
    command = [str(part) for part in argv]
    log.debug("+ %s &", shlex.join(command))
    return _start(command, reason, cwd=cwd, env=env, stdin=subprocess.DEVNULL, output=output)


def attached(argv: Sequence[str | Path], *, reason: str, env: Mapping[str, str]) -> int:
    """Run a program on the caller's own terminal, for as long as it likes, and return its status."""
    command = [str(part) for part in argv]
    log.debug("+ %s", shlex.join(command))
    try:
        return subprocess.run(command, env=dict(env), check=False).returncode
    except FileNotFoundError as err:
        raise CommandFailed(
            f"{command[0]} was not found; it is needed to {reason}",
            argv=command,
            returncode=None,
            hint="run 'pansoft doctor' to see what is missing and how to get it",
        ) from err


@contextlib.contextmanager
def ended_by_term() -> Iterator[None]:
    """Let SIGTERM, as `timeout` sends it, end the block as Ctrl-C does, with what it has started.

    A program that dies of the signal leaves its children behind, which are in sessions of their own. For work
    in the main thread: what other threads wait for ends by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: object) -> NoReturn:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stop(process: subprocess.Popen[bytes], *, patience_s: float = 10.0) -> int:
    """Ask a program from `start` to end, insist after `patience_s`, and return its status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            _kill_group(process)
    return process.wait()


def failure(done: Completed, *, reason: str, hint: str | None = None) -> CommandFailed:
    """Return the error that explains how a program failed, with the end of what it printed."""
    if done.returncode < 0:
        try:
            how = f"was killed by {signal.Signals(-done.returncode).name}"
        except ValueError:
            how = f"was killed by signal {-done.returncode}"
    else:
        how = f"failed with status {done.returncode}"
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-_SHOWN_LINES:]
    tail = "".join(f"\n    {line}" for line in said)
    return CommandFailed(
        f"{Path(done.argv[0]).name} {how}, could not {reason}{tail}",
        argv=done.argv,
        returncode=done.returncode,
        stderr=done.stderr,
        hint=hint or f"run it again by hand: {shlex.join(done.argv)}",
    )


def find(program: str, *, reason: str, hint: str) -> Path:
    """Return where a program is installed.

    Raises:
        UserError: it is not; the message says what it is needed for.
    """
    found = which(program)
    if found is None:
        raise UserError(f"{program} is not installed; it is needed to {reason}", hint=hint)
    return found


def which(program: str) -> Path | None:
    """Return where a program is, looking in the administrators' folders as well."""
    path = os.pathsep.join((os.environ.get("PATH", ""), SYSTEM_PATH))
    found = shutil.which(program, path=path)
    return Path(found) if found else None


def _start(
    command: list[str],
    reason: str,
    *,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    stdin: int,
    piped: bool = False,
    output: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    sink: int | IO[bytes] = subprocess.PIPE if piped else (output or subprocess.DEVNULL)
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=stdin,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    except FileNotFoundError as err:
        missing = cwd if cwd is not None and not cwd.is_dir() else command[0]
        raise CommandFailed(
            f"{missing} was not found; it is needed to {reason}",
            argv=command,
            returncode=None,
            hint="run 'pansoft doctor' to see what is missing and how to get it",
        ) from err
    except PermissionError as err:
        raise CommandFailed(
            f"{command[0]} may not be run; it is needed to {reason}",
            argv=command,
            returncode=None,
            hint=f"look at its mode: ls -l {shlex.quote(command[0])}",
        ) from err


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it started; it leads its own process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what it did not read is still buffered
                pipe.close()
