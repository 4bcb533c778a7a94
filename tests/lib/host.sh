# shellcheck shell=bash disable=SC2154  # lab is set by tests/docker
# The lab's hosts: sourced by tests/docker. A host is its first process, which holds its namespaces and adopts what is
# orphaned on it; killing that is the host's loss of power: the kernel ends all its processes and unmounts all it mounted.

# Starts a host, on the disk it had before if there was one.
host_start() {
    local host=$1
    mkdir -p "$lab/$host"
    rm -f "$lab/$host/init"
    setsid nsenter --net="/run/netns/kubekv-$host" \
        unshare --mount --uts --ipc --pid --fork --kill-child --propagation private \
        bash -euc "$(declare -f host_main); host_main $host $lab/$host" \
        </dev/null >>"$lab/$host/log" 2>&1 &
    wait_for 30 "start of host $host" test -e "$lab/$host/init" || { tail "$lab/$host/log" >&2; return 1; }
}

# What a host's first process does.
host_main() {
    local id _
    # Still the machine's /proc: the id by which the host is entered and killed.
    read -r id _ </proc/self/stat
    # serf takes the hostname for the node's name, and two nodes of one name leave each other.
    hostname "kubekv-$1"
    # Sockets, locks and shims of this host only.
    mount -t tmpfs tmpfs /run
    mount -t proc proc /proc
    # Where /etc/resolv.conf leads to /run, Docker must still find a file.
    case $(readlink -m /etc/resolv.conf) in
        /run/*)
            mkdir -p "$(dirname "$(readlink -m /etc/resolv.conf)")"
            : >"$(readlink -m /etc/resolv.conf)"
            ;;
    esac
    echo "$id" >"$2/init.part"
    mv "$2/init.part" "$2/init"
    # bash collects adopted children while it waits.
    while :; do sleep 3600 & wait $!; done
}

# Runs a command on a host: inside HOST CMD...
inside() {
    local host=$1
    shift
    nsenter --target "$(cat "$lab/$host/init")" --mount --uts --ipc --net --pid -- "$@"
}

# Ends a host at once, if there is one. Ids are used again: the command line shows whether this one is the host's.
host_kill() {
    local id
    id=$(cat "$lab/$1/init" 2>/dev/null) || return 0
    grep -qs "host_main $1 $lab/$1" "/proc/$id/cmdline" || return 0
    kill -9 "$id"
    wait_for 30 "the end of host $1" gone "$id"
}

gone() { [ ! -e "/proc/$1" ]; }

# Removes the control groups of the hosts' containers; fails while one is in use.
cgroups_down() {
    local group
    for group in /sys/fs/cgroup/"${lab##*/}" /sys/fs/cgroup/*/"${lab##*/}"; do
        [ ! -e "$group" ] || find "$group" -depth -type d -exec rmdir {} + || return 1
    done
}
