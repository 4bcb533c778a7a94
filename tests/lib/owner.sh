# shellcheck shell=bash disable=SC2154  # lab is set by tests/docker
# One lab at a time: whose it is. Sourced by tests/docker.

owner=/run/${lab##*/}.owner

# Takes the lab for the process that called this script, or waits until its owner gave it up or ended.
own_lab() {
    try_own || {
        echo "tests/docker: waiting for the lab, which belongs to process $(cat "$owner" 2>/dev/null)" >&2
        wait_for 1800 "the end of the other lab" try_own || exit 2
    }
}

disown_lab() { rm -f "$owner"; }

try_own() {
    local id='' start=''
    exec 8>"$owner.lock"
    flock 8
    [ ! -e "$owner" ] || read -r id start <"$owner" || true
    if [ -n "$id" ] && [ "$(started "$id")" = "$start" ] && ! is_ancestor "$id"; then
        exec 8>&-
        return 1
    fi
    is_ancestor "${id:-none}" || echo "$PPID $(started "$PPID")" >"$owner"
    exec 8>&-
}

# Whether a process is this one's parent, or its parent's, and so on.
is_ancestor() {
    local id=$$ _
    while [ "${id:-0}" -gt 0 ]; do
        [ "$id" != "$1" ] || return 0
        read -r _ id < <(grep PPid: "/proc/$id/status" 2>/dev/null) || return 1
    done
    return 1
}
