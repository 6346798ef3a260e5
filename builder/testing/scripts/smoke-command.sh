# SPDX-License-Identifier: BSD-3-Clause
# Looks at one command: is it there, is it for this machine, are its libraries there, does it start?
#
#     sh smoke-command.sh MACHINE NUMBER
#
# Writes into `commands/NUMBER`: `fault`, why it does not start; `how`, how it was seen to start;
# `missing`, the libraries that are not there; `output`, what it printed; `seconds` it took.
set -u
machine=$1
here=$(dirname "$0")/commands/$2
patience=20

fail() { printf '%s\n' "$1" > "$here/fault"; finish; }

finish() { echo $(($(date +%s) - began)) > "$here/seconds"; exit 0; }

find_program() {
    # the file that a name means, executable or not
    case $1 in
        */*) [ ! -e "$1" ] || echo "$1" ;;
        *)
            IFS=:
            for folder in $PATH; do
                if [ -f "$folder/$1" ] && [ -x "$folder/$1" ]; then echo "$folder/$1"; return; fi
            done
            for folder in $PATH; do
                if [ -e "$folder/$1" ]; then echo "$folder/$1"; return; fi
            done
            ;;
    esac
}

look_at() {
    # a file that is to be run: $1 the file, $2 what it is in words, $3 how deep we are
    [ -f "$1" ] || fail "$2 is no file"
    [ -x "$1" ] || fail "$2 is not executable"
    head=$(od -An -v -tx1 -N20 "$1" | tr -d ' \n')
    case $head in
        7f454c46*) look_at_program "$1" "$2" ;;
        2321*) look_at_script "$1" "$2" "$3" ;;
        *) fail "$2 is neither a program nor a script" ;;
    esac
}

look_at_program() {
    # bytes 5 (32 or 64 bits), 6 (order of bytes), 19 and 20 (the machine) of the ELF header
    found=$(printf '%s' "$head" | cut -c9-12,37-40)
    [ "$found" = "$machine" ] || fail "$2 is for another kind of machine"
    # An image of static programs has no ldd; whether this one starts is tried all the same.
    command -v ldd >/dev/null || return 0
    ldd "$1" > "$here/libraries" 2>&1
    if grep 'not found' "$here/libraries" > "$here/lacking"; then
        sed -n 's/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' "$here/lacking" > "$here/missing"
        cat "$here/lacking" > "$here/output"
        fail "$2 lacks $(sed 's/^[[:space:]]*//; s/ => not found.*//' "$here/lacking" | sort -u | paste -s -d, -)"
    fi
}

look_at_script() {
    [ "$3" -lt 3 ] || fail "$2 is a script of a script of a script"
    interpreter=$(head -n 1 "$1" | sed 's/^#![[:space:]]*//; s/[[:space:]].*//')
    [ -e "$interpreter" ] || fail "its interpreter $interpreter is not there"
    case $interpreter in
        */env)
            word=$(head -n 1 "$1" | sed 's/^#![[:space:]]*[^[:space:]]*[[:space:]]*//; s/^-S[[:space:]]*//; s/[[:space:]].*//')
            interpreter=$(find_program "$word")
            [ -n "$interpreter" ] || fail "its interpreter $word is not there"
            ;;
    esac
    look_at "$interpreter" "its interpreter $interpreter" $(($3 + 1))
}

try() {
    # whether the command with these last arguments starts; $how says how that shows. $final is set
    # where another try would prove nothing: Python found something missing, whatever was asked.
    how="$*"
    for last; do :; done
    timeout -k 2 "$patience" "$@" > "$here/output" 2>&1 < /dev/null
    status=$?
    case $status in
        0) return 0 ;;
        124 | 137) how="$how: goes on running"; return 0 ;;
        126 | 127) broken='it cannot be run'; return 1 ;;
    esac
    if broken=$(grep -E -m 1 "$loader" "$here/output"); then
        case $broken in
            *"'$last'"*) ;; # it takes its argument for a module
            ModuleNotFoundError:* | ImportError:*)
                ! grep -q '^Traceback (most recent call last):' "$here/output" || final=yes
                ;;
        esac
        return 1
    fi
    # there are 64 signals; more than 192 is a program's own word, as 255 is for exit(-1)
    if [ "$status" -gt 128 ] && [ "$status" -le 192 ]; then
        broken="signal $((status - 128)) ended it"
        return 1
    fi
    how="$how: status $status"
}

loader='error while loading shared libraries|symbol lookup error|cannot open shared object file'
loader="$loader|^(ModuleNotFoundError|ImportError):"
# a script of setuptools or of importlib that asks for a distribution which is not there
loader="$loader|^([a-z_.]*\.)?(DistributionNotFound|PackageNotFoundError):"
began=$(date +%s)
eval "set -- $(cat "$here/argv")"
program=$(find_program "$1")
[ -n "$program" ] || fail "there is no $1 in the image"
look_at "$program" "$program" 0
cd "$(mktemp -d)" || exit 1
final=
if try "$@" --version || { [ -z "$final" ] && try "$@" --help; } \
    || { [ -z "$final" ] && patience=5 && try "$@"; }; then
    echo "$how" > "$here/how"
    finish
fi
fail "$broken"
