# SPDX-License-Identifier: BSD-3-Clause
# Runs test.sh in several processes, started by the image's own mpirun.
#
#     sh mpi.sh NUMBER
set -u
here=$(dirname "$0")
if ! command -v mpirun > /dev/null; then
    echo 'the image has no mpirun: a test of the kind mpi needs a base with MPI' > "$here/reason"
    exit 1
fi
mkdir "$here/ranks"
exec mpirun -n "$1" sh "$here/rank.sh"
