# shellcheck shell=bash
# The lab's networks: sourced by tests/docker. The bridge has a namespace of its own: where a dockerd runs, the FORWARD
# policy becomes DROP, and that holds for bridged frames too.

network_up() {
    # The last thing that is made below shows whether all of it exists.
    ip -n kubekv-store -o link show master br0 up 2>/dev/null | grep -q ' veth-b@' && return
    network_down
    ip netns add kubekv-store
    ip -n kubekv-store link set lo up
    ip -n kubekv-store link add br0 type bridge
    ip -n kubekv-store addr add 10.99.0.254/24 dev br0
    ip -n kubekv-store link set br0 up
    join a
    join b
}

host_address() { case $1 in a) echo 10.99.0.1 ;; b) echo 10.99.0.2 ;; esac }

# A host's namespace, joined to the bridge.
join() {
    local host=$1 address
    address=$(host_address "$host")
    ip netns add "kubekv-$host"
    ip -n "kubekv-$host" link set lo up
    ip link add eth0 netns "kubekv-$host" type veth peer name "veth-$host" netns kubekv-store
    ip -n "kubekv-$host" addr add "$address/24" dev eth0
    ip -n "kubekv-$host" link set eth0 up
    ip -n "kubekv-$host" route add default via 10.99.0.254
    ip -n kubekv-store link set "veth-$host" master br0 up
}

# Ends what runs in the namespaces. Only the lab makes them, so only the lab's processes are in them; a host's first
# process takes its containers along, which have network namespaces of their own.
network_empty() { wait_for 30 "the end of all processes" no_process_left || exit 1; }

no_process_left() {
    local name id left=
    for name in a b store; do
        [ -e "/run/netns/kubekv-$name" ] || continue
        for id in $(ip netns pids "kubekv-$name"); do
            left=yes
            kill -9 "$id" || true
        done
    done
    [ -z "$left" ]
}

network_down() {
    local name
    for name in a b store; do
        [ -e "/run/netns/kubekv-$name" ] || continue
        # The link before the namespace: one that lingers would keep the link's name taken.
        ip -n kubekv-store link del "veth-$name" 2>/dev/null || true
        ip netns del "kubekv-$name"
    done
}
