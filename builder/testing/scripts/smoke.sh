# SPDX-License-Identifier: BSD-3-Clause
# Looks at the commands of a package and at the modules of its Python, a few at a time.
#
#     sh smoke.sh MACHINE FOLDER...
#
# MACHINE is what the header of a fitting program says; modules are looked for below the FOLDERs.
# `commands/N/argv` holds a command line for the shell; what was found is written beside it, see
# smoke-command.sh. `modules` holds the modules and the libraries that they lack.
set -u
here=$(dirname "$0")
machine=$1
shift
. "$here/display.sh"
if command -v Xvfb > /dev/null; then start_display || cat "$here/xvfb.log"; fi
if [ -d "$here/commands" ]; then
    # shellcheck disable=SC2011 - the names are numbers
    ls "$here/commands" | xargs -P 3 -n 1 sh "$here/smoke-command.sh" "$machine"
fi
for folder in "$@"; do
    [ ! -d "$folder" ] || find "$folder" -xdev -type f \
        \( -name '*.cpython-*.so' -o -name '*.abi3.so' \) -print0
done > "$here/found"
if [ -s "$here/found" ]; then
    # the loader itself, which ldd starts twice for each file and in two more shells
    loader=$(ldd /bin/sh | sed -n 's/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p')
    # shellcheck disable=SC2016
    xargs -0 -n 50 -P 2 sh -c '
        loader=$1; shift
        for file; do
            lacking=$(LD_TRACE_LOADED_OBJECTS=1 "$loader" "$file" 2>&1 | grep "not found")
            printf "%s:\n" "$file"
            [ -z "$lacking" ] || printf "%s\n" "$lacking"
        done > "$(mktemp "'"$here"'/modules.XXXXXX")"' sh "$loader" < "$here/found"
    cat "$here"/modules.?????? > "$here/modules"
fi
stop_display
exit 0
