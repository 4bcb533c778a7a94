# shellcheck shell=bash disable=SC2154  # lab and tests are set by tests/docker
# The lab's networks, daemons and images: sourced by tests/docker.

# Waits until a command succeeds: wait_for TRIES WHAT CMD...
wait_for() {
    local tries=$1 what=$2
    shift 2
    while ! "$@" >/dev/null 2>&1; do
        ((tries -= 1)) || { echo "tests/docker: $what did not happen" >&2; return 1; }
        sleep 0.1
    done
}

# --- networks ---

network_up() {
    ip netns list | grep -q '^kubekv-store\b' && return
    echo 1 >/proc/sys/net/ipv4/ip_forward 2>/dev/null || true
    ip netns add kubekv-store
    ip -n kubekv-store link set lo up
    ip -n kubekv-store link add br0 type bridge
    ip -n kubekv-store addr add 10.99.0.254/24 dev br0
    ip -n kubekv-store link set br0 up
    host_network a 10.99.0.1
    host_network b 10.99.0.2
}

host_network() {
    local host=$1 address=$2
    ip netns add "kubekv-$host"
    ip -n "kubekv-$host" link set lo up
    ip link add eth0 netns "kubekv-$host" type veth peer name "veth-$host" netns kubekv-store
    ip -n "kubekv-$host" addr add "$address/24" dev eth0
    ip -n "kubekv-$host" link set eth0 up
    ip -n "kubekv-$host" route add default via 10.99.0.254
    ip -n kubekv-store link set "veth-$host" master br0 up
}

network_down() {
    local name
    for name in a b store; do
        ip netns list | grep -q "^kubekv-$name\b" || continue
        # The link before the namespace: a namespace that lingers would keep its name taken.
        ip -n kubekv-store link del "veth-$name" 2>/dev/null || true
        ip netns del "kubekv-$name"
    done
}

# --- processes ---

# Remembers a process by its id and start time, so that no other with the same id is ever ended.
remember() { echo "$1 $(start_time "$1")" >"$lab/$2.process"; }

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

running() {
    local id started
    read -r id started <"$lab/$1.process" 2>/dev/null || return 1
    [ -n "$started" ] && [ "$(start_time "$id")" = "$started" ]
}

# Ends a remembered process: asks, then insists.
end() {
    local id _
    running "$1" || return 0
    read -r id _ <"$lab/$1.process"
    kill "$id" 2>/dev/null || true
    wait_for 300 "the end of $1" not_running "$1" || kill -9 "$id" 2>/dev/null || true
}

not_running() { ! running "$1"; }

# Ends what a daemon left: containerd's shims and containers, known by the lab's own directory on their command line.
end_leftovers() {
    local id
    for id in $(pgrep -f -- "$lab/" || true); do
        [ "$id" = $$ ] && continue
        case $(readlink "/proc/$id/exe" 2>/dev/null) in
            */containerd | */containerd-shim-runc-v2 | */dockerd | */docker-proxy) kill -9 "$id" 2>/dev/null || true ;;
        esac
    done
}

# --- daemons ---

# docker's client on a host: on a CMD...
on() {
    local host=$1
    shift
    "$(cat "$lab/edition")/docker" -H "unix://$lab/$host/docker.sock" "$@"
}

daemon_start() {
    local host=$1 edition store
    edition=$(cat "$lab/edition")
    store=$(cat "$lab/store")
    mkdir -p "$lab/$host"
    rm -f "$lab/$host/docker.sock" "$lab/$host/docker.pid"
    PATH=$edition:$("$tests/components" path docker-etcd):$PATH \
        setsid nsenter --net="/run/netns/kubekv-$host" unshare --mount --uts --propagation private \
        sh -ec 'hostname "$0"; mkdir -p /var/run/docker; mount -t tmpfs tmpfs /var/run/docker; exec "$@"' "kubekv-$host" \
        "$edition/dockerd" --data-root "$lab/$host/data" --exec-root "$lab/$host/exec" \
        --pidfile "$lab/$host/docker.pid" -H "unix://$lab/$host/docker.sock" --storage-driver vfs \
        --cluster-store="$store" --cluster-advertise=eth0:2376 </dev/null >>"$lab/$host/log" 2>&1 9>&- &
    remember $! "$host"
    wait_for 600 "start of the daemon on $host" on "$host" info || { tail -n 30 "$lab/$host/log" >&2; return 1; }
}

# The image of the containers: a static busybox, and nothing else.
image() {
    local root=$lab/image tool
    mkdir -p "$root/bin"
    cp "$("$tests/components" path busybox)/busybox" "$root/bin/"
    for tool in sh ping sleep; do
        ln -sf busybox "$root/bin/$tool"
    done
    for host in a b; do
        tar -C "$root" -c . | on "$host" import - lab >/dev/null
    done
}

up() {
    local store=$1 edition
    case $store in
        etcd://*) edition=docker-etcd ;;
        consul://*) edition=docker-consul ;;
        *) die "cluster store '$store': only etcd:// and consul:// have a lab" ;;
    esac
    [ ! -e "$lab/store" ] || die "a lab is up already ($(cat "$lab/store")); tests/docker down ends it"
    "$tests/components" get docker-etcd "$edition" busybox
    network_up
    mkdir -p "$lab"
    "$tests/components" path "$edition" >"$lab/edition"
    echo "$store" >"$lab/store"
    daemon_start a
    daemon_start b
    image
}

down() {
    local host
    for host in a b; do
        # Containers first: a daemon that is asked to end waits for them.
        if running "$host"; then
            on "$host" ps -q 2>/dev/null | while read -r id; do on "$host" kill "$id" >/dev/null 2>&1 || true; done
        fi
        end "$host"
    done
    end_leftovers
    if [ -d "$lab" ]; then
        # Deepest first; only what is mounted below the lab.
        awk -v lab="$lab/" 'index($2, lab) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
            umount -l "$mount" || true
        done
        rm -rf "$lab"
    fi
    network_down
}
