# SPDX-License-Identifier: BSD-3-Clause
# Runs what a test prepares, then the command line that follows.
#
#     sh prepared.sh PROGRAM [ARGUMENT]...
set -u
here=$(dirname "$0")
: > "$here/began"  # that the image started at all: `pansoft test --prove` asks
if [ -s "$here/prepare.sh" ]; then
    sh -eu "$here/prepare.sh"
    status=$?
    if [ "$status" != 0 ]; then
        echo "what it prepares ended with status $status" > "$here/reason"
        exit 1
    fi
fi
exec "$@"
