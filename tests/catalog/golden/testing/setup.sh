# The one line that a user sources:  . <mount>/testing/setup.sh
#
# Puts the programs of the channel "testing" into PATH, its menu entries into XDG_DATA_DIRS, its
# notebook kernels into JUPYTER_PATH and its modules into MODULEPATH. Works in bash, zsh, dash, ksh
# and busybox, wherever the repository is mounted, twice as well as once. Written by pansoft.
# shellcheck shell=sh disable=SC2128,SC3028

# Where this file lies: bash and zsh know, ksh does in its own words.
_pansoft_file=
if [ -n "${BASH_VERSION:-}" ]; then
    _pansoft_file=${BASH_SOURCE:-}
elif [ -n "${ZSH_VERSION:-}" ]; then
    eval '_pansoft_file=${(%):-%x}'
elif [ -n "${KSH_VERSION:-}" ]; then
    _pansoft_file=$(eval 'printf %s "${.sh.file}"' 2>/dev/null) || _pansoft_file=
fi
# Other shells do not say, but hold the file open while they read it.
if [ -z "$_pansoft_file" ] && [ -d "/proc/$$/fd" ]; then
    for _pansoft_folder in "/proc/$$/fd/"*; do
        _pansoft_folder=$(command readlink -- "$_pansoft_folder" 2>/dev/null) || continue
        case $_pansoft_folder in
        */testing/setup.sh) _pansoft_file=$_pansoft_folder ;;
        esac
    done
fi
if [ -z "$_pansoft_file" ]; then
    _pansoft_file=/cvmfs/software.example.org/testing/setup.sh
fi
# A link to this file, in /etc/profile.d for instance, is followed; a folder's name is kept.
if [ -L "$_pansoft_file" ] || [ "${_pansoft_file#/}" = "$_pansoft_file" ]; then
    _pansoft_file=$(command readlink -f -- "$_pansoft_file") || _pansoft_file=
fi
_pansoft_folder=${_pansoft_file%/*}

# _pansoft_put VARIABLE FOLDER DEFAULT: the folder first, the rest behind it, no folder twice
_pansoft_put() {
    [ -d "$2" ] || return 0
    eval "_pansoft_rest=\${$1:-\$3}:"
    _pansoft_new=$2
    while [ -n "$_pansoft_rest" ]; do
        _pansoft_one=${_pansoft_rest%%:*}
        _pansoft_rest=${_pansoft_rest#*:}
        if [ -n "$_pansoft_one" ] && [ "$_pansoft_one" != "$2" ]; then
            _pansoft_new=$_pansoft_new:$_pansoft_one
        fi
    done
    eval "$1=\$_pansoft_new"
    # shellcheck disable=SC2163
    export "$1"
}

_pansoft_status=0
case $_pansoft_folder in
*:*)
    printf 'pansoft: PATH cannot hold %s: mount the repository where there is no colon\n' \
        "$_pansoft_folder" >&2
    _pansoft_status=1
    ;;
*)
    if [ -d "$_pansoft_folder/bin" ]; then
        _pansoft_put PATH "$_pansoft_folder/bin" /usr/local/bin:/usr/bin:/bin
        _pansoft_put XDG_DATA_DIRS "$_pansoft_folder/share" /usr/local/share:/usr/share
        _pansoft_put JUPYTER_PATH "$_pansoft_folder/share/jupyter" ''
        _pansoft_put MODULEPATH "$_pansoft_folder/modules" ''
    else
        printf 'pansoft: cannot tell where this file lies; try bash or zsh\n' >&2
        _pansoft_status=1
    fi
    ;;
esac
unset -f _pansoft_put
unset _pansoft_file _pansoft_folder _pansoft_new _pansoft_one _pansoft_rest
if [ "$_pansoft_status" = 0 ]; then
    unset _pansoft_status
else
    unset _pansoft_status
    return 1
fi
