# shellcheck shell=bash disable=SC2154  # lab is set by tests/docker
# What the hosts do with the network they share: sourced by tests/docker.

passed=0
between=
addresses=

journey() {
    local hard=
    while [ $# -gt 0 ]; do
        case $1 in
            --hard) hard=yes ;;
            --between)
                [ $# -gt 1 ] || die "--between needs a command"
                between=$2
                shift
                ;;
            *) die "journey takes --hard and --between CMD, not '$1'" ;;
        esac
        shift
    done
    step "create an overlay network on a" on a network create -d overlay ov
    step "it is listed on b" listed b
    step "run a container on a" run_on a
    step "run a container on b" run_on b
    step "ping by name, both ways" ping_both
    step "a shows both endpoints" both_shown a
    addresses="$(address_of a) $(address_of b)"
    if [ -n "$hard" ]; then
        hard_steps
    fi
    step "removing it in use is refused" refused_removal a
    step "remove the containers" remove_containers
    step "remove the network on b" on b network rm ov
    step "it is gone on a" not_listed a
    echo "$passed passed, 0 failed"
}

# Docker gives a container that starts the lowest free address. So one that is started again has the one it had, if the
# store lost neither what was free nor what was taken, and hosts come back in the order in which they first came.
hard_steps() {
    step "restart the daemon on a" restart_with_containers a
    still "after one restart"
    step "restart both daemons" restart_with_containers a b
    still "after both restarts"
    step "kill the daemon on a, its container lives on" kill_under_container a
    still "after the kill"
    step "cut the power of b, and start it again" power_cut b
    still "after the power cut"
}

still() {
    step "network, endpoints and addresses are right $1" as_before
    step "ping by name, both ways, $1" ping_both
}

# One step: step WHAT CMD... Between it and the one before runs what the caller wants to happen there.
step() {
    local what=$1 from=$EPOCHREALTIME
    shift
    if [ "$passed" -gt 0 ] && [ -n "$between" ]; then
        bash -c "$between" >"$lab/step.log" 2>&1 || failed "what happens between the steps, before: $what" "$from"
        from=$EPOCHREALTIME
    fi
    "$@" >"$lab/step.log" 2>&1 || failed "$what" "$from"
    passed=$((passed + 1))
    report ok "$what" "$from"
}

report() { printf '%-6s %6.2f s  %s\n' "$1" "$(awk "BEGIN { print $EPOCHREALTIME - $3 }")" "$2"; }

failed() {
    local host
    report failed "$@"
    cat "$lab/step.log"
    for host in a b; do
        echo "--- last lines of dockerd on $host"
        tail -n 20 "$lab/$host/log"
    done
    echo "$passed passed, 1 failed"
    exit 1
}

listed() { on "$1" network ls --format '{{.Name}} {{.Driver}} {{.Scope}}' | grep -x 'ov overlay global'; }

listed_everywhere() { listed a && listed b; }

# A list that could not be had shows nothing either: it must be there, without the network.
not_listed() {
    local networks
    networks=$(on "$1" network ls --format '{{.Name}}') || return 1
    ! grep -x ov <<<"$networks"
}

run_on() {
    on "$1" run -d --name "c-$1" --hostname "c-$1" --network ov --restart always --stop-timeout 1 \
        --security-opt apparmor=unconfined lab /bin/sleep 1000000
}

# A peer that was restarted is found again by serf, and a watch that was lost is set again, at the next heartbeat of 20 s.
ping_both() {
    wait_for 120 "ping from a to b" ping_from a b && wait_for 120 "ping from b to a" ping_from b a
}

ping_from() { on "$1" exec "c-$1" /bin/ping -c 1 -W 2 "c-$2"; }

# The network's containers as a host shows them, name and address, are the two there are.
both_shown() {
    local expected shown
    expected=$(printf 'c-a %s/24\nc-b %s/24' "$(address_of a)" "$(address_of b)")
    shown=$(on "$1" network inspect ov --format '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{println}}{{end}}' |
        grep . | sort)
    [ "$shown" = "$expected" ] || { printf 'on %s\nexpected:\n%s\nshown:\n%s\n' "$1" "$expected" "$shown"; return 1; }
}

both_shown_everywhere() { both_shown a && both_shown b; }

address_of() { on "$1" inspect "c-$1" --format '{{.NetworkSettings.Networks.ov.IPAddress}}'; }

# Every container has the address it had, and both hosts show both.
as_before() {
    local now
    # A gateway that was killed before this step has no leader for seconds where its API server is slow, and answers so.
    wait_for 20 "the network in the lists of both hosts" listed_everywhere || return 1
    now="$(address_of a) $(address_of b)"
    [ "$now" = "$addresses" ] || { echo "addresses were $addresses and are $now"; return 1; }
    wait_for 60 "both endpoints on both hosts" both_shown_everywhere || { both_shown a; both_shown b; }
}

refused_removal() {
    local said
    if said=$(on "$1" network rm ov 2>&1); then
        echo "the network was removed under its containers"
        return 1
    fi
    grep 'has active endpoints' <<<"$said" || { echo "$said"; return 1; }
}

remove_containers() { on a rm -f c-a && on b rm -f c-b; }

restart_with_containers() {
    local host
    daemons_restart "$@" || return
    for host in "$@"; do container_returns "$host" || return; done
}

container_returns() { wait_for 120 "return of the container on $1" container_up "$1"; }

container_up() { [ "$(on "$1" inspect "c-$1" --format '{{.State.Running}}')" = true ]; }

# With --live-restore the next daemon takes the containers as they are.
kill_under_container() {
    local before
    before=$(container_start "$1")
    daemon_kill "$1" && daemon_start "$1" --live-restore && container_returns "$1" || return
    [ "$(container_start "$1")" = "$before" ] || { echo "the container was started again"; return 1; }
}

container_start() { on "$1" inspect "c-$1" --format '{{.State.Pid}} {{.State.StartedAt}}'; }

# The first daemon after it still looks for the overlay's network namespace that went with the power, and starts no
# container; it clears that up, whatever the store, and the second one is well (20.10.5 and 20.10.24).
power_cut() {
    host_kill "$1" && host_start "$1" && daemon_start "$1" && restart_with_containers "$1"
}
