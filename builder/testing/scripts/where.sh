# SPDX-License-Identifier: BSD-3-Clause
# Writes down where commands and the files of packages are: sh where.sh
#
# Reads the names in `commands`, `debian` and `python` (as PEP 503 writes them), a line each, and
# writes `programs` and `files`. A path is that of the thing itself, its folder without links.
set -u
here=$(dirname "$0")

places() {
    # the real folder of each path of standard input, its own name unfollowed
    cat > "$here/named"
    if [ ! -s "$here/named" ]; then return; fi
    xargs -d '\n' dirname -- < "$here/named" | xargs -d '\n' realpath -m -- > "$here/folders"
    xargs -d '\n' basename -a -- < "$here/named" | paste -d / "$here/folders" -
}

find_commands() {
    while read -r name; do command -v -- "$name"; done < "$here/commands"
}

files_of_debian() {
    while read -r name; do
        cat "/var/lib/dpkg/info/$name.list" "/var/lib/dpkg/info/$name":*.list 2> /dev/null
    done < "$here/debian"
}

files_of_python() {
    for folder in /opt/venv/lib/python3*/site-packages/*.dist-info; do
        name=$(basename "$folder" .dist-info)
        name=$(printf '%s\n' "${name%%-*}" | tr 'A-Z_.' 'a-z--' | tr -s -)
        grep -Fqx -e "$name" "$here/python" || continue
        sed -e 's/,[^,]*,[^,]*$//' -e "s|^|${folder%/*}/|" "$folder/RECORD"
    done
}

find_commands | grep '^/' | places > "$here/programs"
{ files_of_debian; files_of_python; } | while read -r path; do
    if [ -L "$path" ] || [ -f "$path" ]; then printf '%s\n' "$path"; fi
done | places > "$here/files"
