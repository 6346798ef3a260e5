#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# A task of a job array: runs the command in its line of the array's `tasks`.
#
#   slurm_job.sh ARRAY TOKEN
#
# ARRAY is the array's folder below the state folder, TOKEN what its file `token` says. The command's
# answer goes to ARRAY/<task>.json. Where the command fails, ARRAY/<task>.doctor.json says what this
# node lacks. Ends with the status of the command; 78: the state folder is not shared with this
# node, 79: the program is not there.
set -u
umask 022
array=$1 token=$2 task=${SLURM_ARRAY_TASK_ID:-0} node=${SLURMD_NODENAME:-$(hostname)}
say() { printf 'pansoft: %s\n' "$*" >&2; }

if [ "$(cat "$array/token" 2>/dev/null)" != "$token" ]; then
    say "the node $node does not see $array as it is where the job was submitted"
    exit 78
fi
command=$(sed -n "$((task + 1))p" "$array/tasks")
program=$(cat "$array/program")
rm -f "$array/$task.json" "$array/$task.doctor.json" # of a run before this one was requeued
printf '%s\n' "$node" > "$array/$task.node" || exit 78
say "on $node: $command"

# An environment of its own: that of a login, or of who submitted, may hold secrets.
clean() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        HOME="${HOME:-/}" USER="${USER:-}" LOGNAME="${LOGNAME:-}" TMPDIR="${TMPDIR:-/tmp}" \
        SLURM_JOB_ID="${SLURM_JOB_ID:-}" SLURMD_NODENAME="$node" sh -c "$1"
}
clean "$command" > "$array/$task.part"
status=$?
case $status in 126 | 127)
    say "the program does not run on $node: $program"
    exit 79 ;;
esac
if [ "$status" != 0 ]; then
    clean "$program doctor --json" > "$array/$task.doctor.part" 2>/dev/null
    mv "$array/$task.doctor.part" "$array/$task.doctor.json"
fi
mv "$array/$task.part" "$array/$task.json"
exit "$status"
