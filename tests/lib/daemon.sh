# shellcheck shell=bash disable=SC2154  # lab and tests are set by tests/docker
# The hosts' daemons and their image: sourced by tests/docker.

# docker's client on a host: on HOST ARG... A store that does not answer must not hold up the tests for ever.
#
# Once in hundreds of commands dockerd dials from the network of a container that has ended (moby/moby#39036, #39372). A user
# would try again; so does this, and says so. A container that `run` left unstarted is started.
on() {
    local host=$1 said status try
    shift
    said=$(mktemp)
    for try in 1 2 3 4 5; do
        status=0
        client "$host" "$@" 2>"$said" || status=$?
        cat "$said" >&2
        [ "$status" != 0 ] && grep -q 'connect: network is unreachable' "$said" || break
        echo "tests/docker: dockerd on $host dialed from a container's network (try $try)" >&2
        [ "$1" != run ] || set -- start "$(name_given "$@")"
        sleep 0.5
    done
    rm -f "$said"
    return "$status"
}

client() {
    local host=$1
    shift
    PATH=$(cat "$lab/programs"):$PATH timeout 180 docker -H "unix://$lab/$host/docker.sock" "$@"
}

# The name that an option gives: name_given ARG...
name_given() {
    while [ $# -gt 1 ]; do
        case $1 in --name) echo "$2" && return ;; --name=*) echo "${1#*=}" && return ;; esac
        shift
    done
    die "a container without a name"
}

# Starts a host's daemon, with the flags given to `up` and these, and waits until it answers: daemon_start HOST [FLAG...]
# In the flags of `up`, {address} is the host's address; --env-file=FILE is a file of NAME=VALUE for its environment, read at
# each start.
daemon_start() {
    local host=$1 given flags=() environment=() flag
    shift
    mapfile -t given < <(grep . "$lab/flags" | sed "s/{address}/$(host_address "$host")/g")
    for flag in "${given[@]}"; do
        case $flag in
            --env-file=*) mapfile -t environment <"${flag#*=}" ;;
            *) flags+=("$flag") ;;
        esac
    done
    rm -f "$lab/$host/docker.sock"
    # Control groups below one of the lab's own, so that they can be found and removed; a resolver that refuses at once,
    # so that names are Docker's own or nobody's.
    # shellcheck disable=SC2016  # expanded on the host
    PATH=$(cat "$lab/programs"):$PATH inside "$host" env "${environment[@]}" bash -c \
        'rm -f /run/docker.pid; setsid dockerd "$@" </dev/null >>"$0/log" 2>&1 & echo $!' "$lab/$host" \
        --data-root "$lab/$host/data" -H "unix://$lab/$host/docker.sock" --storage-driver vfs \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/${lab##*/}/$host" --dns 10.99.0.254 \
        --cluster-store="$(cat "$lab/store")" --cluster-advertise=eth0:2376 "${flags[@]}" "$@" >"$lab/$host/dockerd"
    wait_for 120 "start of the daemon on $host" answers_or_ended "$host" && on "$host" info >/dev/null 2>&1 ||
        { tail -n 30 "$lab/$host/log" >&2; return 1; }
}

answers_or_ended() { on "$1" info || daemon_gone "$1"; }

# bash's own kill: the program is in a package of its own.
daemon_signal() { inside "$2" bash -c 'kill "-$1" "$2"' - "$1" "$(cat "$lab/$2/dockerd")"; }

daemon_gone() { ! daemon_signal 0 "$1" 2>/dev/null; }

# Asks a daemon to end; it stops its containers first.
daemon_stop() {
    daemon_signal TERM "$1"
    wait_for 60 "end of the daemon on $1" daemon_gone "$1"
}

# Ends a daemon at once; its containers go on without it.
daemon_kill() {
    daemon_signal KILL "$1"
    wait_for 60 "end of the daemon on $1" daemon_gone "$1"
}

daemons_stop() {
    local host
    for host in "$@"; do daemon_stop "$host"; done
}

daemons_start() {
    local host
    for host in "$@"; do daemon_start "$host"; done
}

# Stops all the daemons named, then starts them again.
daemons_restart() { daemons_stop "$@" && daemons_start "$@"; }

# Waits until the daemons found each other through the store. A network that gets its first container on a host before
# that host's serf is up has no addresses resolved there for as long as it lasts (libnetwork, overlay driver, initSandbox and
# watchMiss; any store): when the store is restarted in the first second, that is so until somebody starts the daemon
# again, which does wait before it starts its containers.
daemons_meet() {
    wait_for 60 "meeting of the daemon on a with the one on b" met a b &&
        wait_for 60 "meeting of the daemon on b with the one on a" met b a
}

met() { grep -q "EventMemberJoin: kubekv-$2 " "$lab/$1/log"; }

# The image of the containers: a static busybox, and nothing else.
image_load() {
    local root=$lab/image tool
    mkdir -p "$root/bin"
    cp "$("$tests/components" path busybox)/busybox" "$root/bin/"
    for tool in sh ping sleep; do
        ln -sf busybox "$root/bin/$tool"
    done
    tar -C "$root" -c . | on "$1" import - lab >/dev/null
}
