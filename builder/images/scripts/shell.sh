# SPDX-License-Identifier: BSD-3-Clause
# A shell in what a failed build left: as root of its namespace, offline, with the variables and in
# the folder that the recipe's script had.
stage=/run/pansoft/stage
# shellcheck source=/dev/null
. "$stage/values.sh"
export PREFIX="/opt/$NAME" PANSOFT_SOURCES="$stage/sources"
[ ! -d /opt/venv ] || export PATH="/opt/venv/bin:$PATH"
cd /tmp/build 2>/dev/null || cd /
printf 'in the failed build of %s; what you change here changes no image\n' "$NAME" >&2
if [ -x /bin/bash ]; then exec /bin/bash --norc; fi
exec /bin/sh
