#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Runs inside the image that is made, offline: the user who builds for root, and the Python environment at
# the place where setup/setup.sh looks for it. /run/stage has its lock, /run/wheels its wheels.
set -eu
umask 022
builder=pansoft-build
place=/opt/pansoft/python

useradd --create-home --shell /usr/sbin/nologin "$builder"
grep -q "^$builder:" /etc/subuid || usermod --add-subuids 100000-165535 "$builder"
grep -q "^$builder:" /etc/subgid || usermod --add-subgids 100000-165535 "$builder"

/usr/bin/python3 -m venv "$place"
"$place/bin/python" -m pip --isolated --disable-pip-version-check --no-cache-dir --quiet install \
    --no-index --no-deps --no-compile --no-warn-script-location --find-links /run/wheels \
    --requirement /run/stage/names.txt
/usr/bin/python3 -I /run/stage/compiled.py "$place"
sha256sum < /run/stage/requirements.lock > "$place/complete"
