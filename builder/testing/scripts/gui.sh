# SPDX-License-Identifier: BSD-3-Clause
# Runs test.sh on a virtual screen until a window whose title matches is seen, then ends it.
#
#     sh gui.sh TITLE SECONDS
#
# TITLE is an extended regular expression, SECONDS how long the window is waited for. The status is 0
# when the window was there and the program went on running; else `reason` says why it was not.
set -u
title=$1 patience=$2
here=$(dirname "$0")
program=''
. "$here/display.sh"

finish() {
    # what went wrong, or nothing
    if [ -n "$1" ]; then printf '%s\n' "$1" > "$here/reason"; fi
    if [ -n "$program" ]; then end_program; fi
    stop_display
    if [ -n "$1" ] && [ -s "$here/windows" ]; then
        echo 'the windows that were there:'
        cut -d' ' -f2- "$here/windows" | sed 's/^/  /'
    fi
    if [ -s "$here/log" ]; then
        echo 'the program printed:'
        tail -c 20000 "$here/log"
    fi
    if [ -n "$1" ]; then exit 1; fi
    exit 0
}

end_program() {
    kill -s TERM -- "-$program" 2> /dev/null
    for _ in $(seq 25); do
        kill -s 0 -- "-$program" 2> /dev/null || return
        sleep 0.2
    done
    kill -s KILL -- "-$program" 2> /dev/null
}

list_windows() {
    # a window that goes while its tree is asked for makes xwininfo fail: then the next look counts
    xwininfo -root -tree > "$here/tree" 2> /dev/null || return 1
    sed -n 's/^ *\(0x[0-9a-f]*\) "\(.*\)": (.*/\1 \2/p' "$here/tree" > "$here/windows"
}

is_open() {
    # there, of that title, and mapped with all the windows around it
    list_windows || return 1
    while read -r id name; do
        printf '%s\n' "$name" | grep -Eq -e "$title" || continue
        if xwininfo -id "$id" 2> /dev/null | grep -q 'Map State: IsViewable'; then
            seen=$name
            return 0
        fi
    done < "$here/windows"
    return 1
}

has_ended() {
    # a program may leave its window to another process of its session and end well
    [ -s "$here/ended" ] || return 1
    status=$(cat "$here/ended")
    [ "$status" != 0 ] || ! kill -s 0 -- "-$program" 2> /dev/null
}

take_picture() {
    # when two looks show the same, the window is drawn
    cp "$here/Xvfb_screen0" "$here/screen.xwd" || return
    for _ in $(seq 10); do
        sleep 0.5
        cp "$here/Xvfb_screen0" "$here/later.xwd"
        if cmp -s "$here/screen.xwd" "$here/later.xwd"; then break; fi
        mv "$here/later.xwd" "$here/screen.xwd"
    done
    rm -f "$here/later.xwd"
}

for tool in Xvfb xwininfo; do
    if ! command -v "$tool" > /dev/null; then
        finish "the image has no $tool: a test of the kind gui needs a base with a virtual screen"
    fi
done
if ! start_display; then
    cat "$here/xvfb.log"
    finish 'the virtual screen did not start'
fi

# shellcheck disable=SC2016
setsid sh -c 'sh -eu "$1/test.sh" > "$1/log" 2>&1 < /dev/null; echo $? > "$1/ended"' sh "$here" &
program=$!
deadline=$(($(date +%s) + patience))
until is_open; do
    if has_ended; then
        finish "the program ended with status $status before a window with the title '$title' was there"
    fi
    if ! kill -0 "$server" 2> /dev/null; then
        cat "$here/xvfb.log"
        finish 'the virtual screen went away'
    fi
    if [ "$(date +%s)" -ge "$deadline" ]; then
        take_picture
        finish "no window with the title '$title' was there after $patience s"
    fi
    sleep 0.3
done
take_picture
if has_ended; then
    finish "the program ended with status $status right after its window was there"
fi
echo "window: $seen"
finish ''
