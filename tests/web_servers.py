# SPDX-License-Identifier: BSD-3-Clause
"""Real nginx, Apache and squid with the files of docs/serving, on free ports of this machine.

What a page tells an administrator to write is what runs here, with the folder, the ports and the names of
this test in place of the page's. Root's servers become another user, so their folder is open to all.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core import process

SERVING = Path(__file__).parent.parent / "docs" / "serving"

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/cvmfs.conf;
}}
"""

_APACHE = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule autoindex_module /usr/lib/apache2/modules/mod_autoindex.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
TypesConfig /etc/mime.types
<Directory />
    Require all denied
</Directory>
Include {folder}/cvmfs.conf
"""

_SQUID = """\
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
access_log stdio:{folder}/access.log
coredump_dir {folder}
visible_hostname squid.example.org
cache_effective_user proxy
shutdown_lifetime 1 second
"""


@contextlib.contextmanager
def nginx(root: Path, *, changes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve the folders of `root` as /cvmfs and give the address; `changes` are made to the page's file."""
    with _folder() as folder:
        port = _free_port()
        (folder / "srv").mkdir()
        (folder / "srv" / "cvmfs").symlink_to(root)
        _write(
            folder / "cvmfs.conf",
            "nginx.conf",
            {"listen 8000;": f"listen 127.0.0.1:{port};", "root /srv;": f"root {folder}/srv;"}
            | dict(changes or {}),
        )
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
        with _running(["nginx", "-p", folder, "-c", folder / "nginx.conf"], port, folder):
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def apache(root: Path, *, changes: Mapping[str, str] | None = None) -> Iterator[str]:
    """Serve the folders of `root` as /cvmfs and give the address; `changes` are made to the page's file."""
    with _folder() as folder:
        port = _free_port()
        _write(folder / "cvmfs.conf", "apache.conf", {"/srv/cvmfs": str(root), **(changes or {})})
        (folder / "apache2.conf").write_text(_APACHE.format(folder=folder, port=port))
        with _running(["apache2", "-f", folder / "apache2.conf", "-DFOREGROUND"], port, folder):
            yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def squid(*servers: str) -> Iterator[str]:
    """Run a site's cache for the servers of these names, and give its address."""
    with _folder() as folder:
        port = _free_port()
        _write(
            folder / "squid.conf",
            "squid.conf",
            {
                "http_port 3128": f"http_port 127.0.0.1:{port}",
                "src 10.0.0.0/8": "src 127.0.0.0/8",
                "stratum0.example.org stratum1.example.org": " ".join(servers),
                "/var/spool/squid 50000": f"{folder}/spool 100",
            },
        )
        with (folder / "squid.conf").open("a") as file:
            file.write(_SQUID.format(folder=folder))
        argv = ["squid", "-N", "-f", str(folder / "squid.conf")]
        process.run([*argv, "-z"], reason="make the folders of squid")
        with _running(argv, port, folder):
            yield f"http://127.0.0.1:{port}"


def _write(target: Path, page: str, changes: Mapping[str, str]) -> None:
    """Write a file of docs/serving with the names of this machine."""
    text = (SERVING / page).read_text(encoding="utf-8")
    for said, here in changes.items():
        assert said in text, f"docs/serving/{page} no longer says {said!r}"
        text = text.replace(said, here)
    target.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="web-server-") as name:
        Path(name).chmod(0o777)  # root's servers become another user
        yield Path(name)


@contextlib.contextmanager
def _running(argv: Sequence[str | Path], port: int, folder: Path) -> Iterator[None]:
    running = process.start(argv, reason="serve for a test")
    try:
        _wait_for(port, folder)
        yield
    finally:
        process.stop(running, patience_s=20)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, folder: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    logs = "\n".join(file.read_text() for file in folder.glob("*.log"))
    raise TimeoutError(f"nobody answers at port {port}:\n{logs}")
