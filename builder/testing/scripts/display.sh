# SPDX-License-Identifier: BSD-3-Clause
# A virtual screen: `. display.sh`, with $here as the folder for its files. Sets DISPLAY.
# shellcheck shell=sh
server=''

start_display() {
    # a server that finds no free display or dies while it starts is started again
    mkdir -p /tmp/.X11-unix && chmod 1777 /tmp/.X11-unix
    for _ in 1 2 3; do
        : > "$here/display"
        Xvfb -displayfd 3 -screen 0 1280x1024x24 -nolisten tcp -noreset -fbdir "$here" \
            3> "$here/display" > "$here/xvfb.log" 2>&1 &
        server=$!
        for _ in $(seq 150); do
            if [ "$(wc -l < "$here/display")" -gt 0 ]; then
                DISPLAY=:$(cat "$here/display")
                export DISPLAY
                return 0
            fi
            kill -0 "$server" 2> /dev/null || break
            sleep 0.2
        done
        kill -KILL "$server" 2> /dev/null
        wait "$server" 2> /dev/null
        server=''
    done
    return 1
}

stop_display() {
    if [ -n "$server" ]; then kill "$server" 2> /dev/null; wait "$server" 2> /dev/null; fi
}
