# SPDX-License-Identifier: BSD-3-Clause
"""A real SLURM cluster on this machine: munged, slurmctld and slurmd of a few nodes, as Debian has them.

The nodes `n1` and `n2` are this machine twice, with two processors each, and jobs go to the
idler one. `n3`, in the partition
`apart`, is this machine in a mount namespace in which the folder `unshared` is another one and
nobody may map user ids.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from core import process

PROGRAMS = ("munged", "sbatch", "slurmctld", "slurmd")
_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/controller
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
MpiDefault=none
"""
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=1000\n"
)
_APART = 'mount -t tmpfs tmpfs "$1"; mount --bind /bin/false "$2"; shift 2; exec "$@"'


@dataclass
class Cluster:
    """A cluster that runs; `conf` is what SLURM_CONF names."""

    folder: Path
    conf: Path
    running: dict[str, Popen[bytes]] = field(default_factory=dict)

    @property
    def unshared(self) -> Path:
        """Return the folder that n3 does not share."""
        return self.folder / "unshared"

    def ask(self, *argv: str) -> str:
        """Return what one of SLURM's programs prints."""
        return process.run(argv, reason="ask SLURM", env=self.environment, timeout_s=60).stdout

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which SLURM's programs find this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.conf)}

    def set_partition(self, *, is_open: bool) -> None:
        """Let the jobs of `build` start, or none."""
        state = "UP" if is_open else "DOWN"
        self.ask("scontrol", "update", "PartitionName=build", f"State={state}")

    def states(self) -> dict[str, str]:
        """Return the state of every task that the controller knows, by `array_task`."""
        lines = self.ask("squeue", "-h", "-r", "-t", "all", "-o", "%F_%K %T").splitlines()
        return {task: state for task, _, state in (line.partition(" ") for line in lines)}

    def start_controller(self) -> None:
        """Start slurmctld and wait until it answers."""
        self._start("slurmctld", "slurmctld", "-D", "-f", self.conf)
        wait_for(self._answers)

    def stop_controller(self, *, forgets: bool = False) -> None:
        """Stop slurmctld; where it forgets, the next one knows of no job."""
        process.stop(self.running.pop("slurmctld"))
        if forgets:
            for file in (self.folder / "controller").glob("job_state*"):
                file.unlink()

    def _answers(self) -> bool:
        done = process.run(
            ["sinfo", "-h", "-N", "-o", "%T"], reason="ask", env=self.environment, check=False
        )
        return done.returncode == 0 and set(done.stdout.split()) <= {"idle", "mixed", "allocated"}

    def _start(self, name: str, *argv: str | Path) -> None:
        with (self.folder / f"{name}.out").open("ab") as output:
            self.running[name] = process.start(
                argv, reason=f"start {name}", cwd=self.folder, output=output
            )


@contextlib.contextmanager
def slurm_cluster(folder: Path) -> Iterator[Cluster]:
    """Run a cluster in an empty folder for the time of the block."""
    is_root = os.geteuid() == 0
    nodes = ("n1", "n2", "n3") if is_root else ("n1", "n2")
    host = socket.gethostname().split(".")[0]
    for name in ("controller", "unshared", *nodes):
        (folder / name).mkdir()
    controller, *ports = _free_ports(1 + len(nodes))
    conf = folder / "slurm.conf"
    conf.write_text(
        _CONF.format(
            folder=folder, host=host, controller=controller, user=pwd.getpwuid(os.geteuid()).pw_name
        )
        + "".join(
            _NODE.format(name=name, host=host, port=port)
            for name, port in zip(nodes, ports, strict=True)
        )
        + "PartitionName=build Nodes=n1,n2 Default=YES LLN=YES MaxTime=60 State=UP\n"
        + ("PartitionName=apart Nodes=n3 MaxTime=60 State=UP\n" if is_root else "")
    )
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    cluster = Cluster(folder, conf)
    try:
        cluster._start(
            "munged", "munged", "-F", "--force", f"--key-file={key}",
            f"--socket={folder}/munge.socket", f"--pid-file={folder}/munge.pid",
            f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        wait_for((folder / "munge.socket").exists)
        for node in nodes:
            command: list[str | Path] = ["slurmd", "-D", "-f", conf, "-N", node]
            if node == "n3":
                maps_ids = process.which("newuidmap") or Path("/usr/bin/newuidmap")
                command = [
                    "unshare", "--mount", "sh", "-euc", _APART, "apart", cluster.unshared, maps_ids,
                    *command,
                ]  # fmt: skip
            cluster._start(node, *command)
        cluster.start_controller()
        yield cluster
    finally:
        for running in reversed(cluster.running.values()):
            process.stop(running)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; a minute is too long."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
