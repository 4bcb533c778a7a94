# shellcheck shell=bash
# What all parts of the lab use: sourced by tests/docker.

die() { echo "tests/docker: $*" >&2; exit 2; }

# Waits until a command succeeds, and fails when it has not after some seconds: wait_for SECONDS WHAT CMD...
wait_for() {
    local until=$((EPOCHSECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$EPOCHSECONDS" -lt "$until" ] || { echo "tests/docker: $what did not happen" >&2; return 1; }
        sleep 0.1
    done
}

# When a process was started, in ticks since boot; nothing for one that is not there. With its id it names a process
# for good: ids are used again.
started() {
    local stat
    read -r stat <"/proc/$1/stat" || return 0
    # The name before it is in parentheses and can hold anything.
    read -ra stat <<<"${stat##*) }"
    echo "${stat[19]}"
} 2>/dev/null
