# shellcheck shell=bash disable=SC2154  # lab and tests are set by tests/docker
# What the hosts do with the network they share: sourced by tests/docker.

passed=0
between=
begun=

# One step: step WHAT CMD...
step() {
    local what=$1
    shift
    [ -z "$begun" ] || [ -z "$between" ] || bash -c "$between" || die "'$between' failed before: $what"
    begun=yes
    local from=$EPOCHREALTIME
    if ! "$@" >"$lab/step.log" 2>&1; then
        printf 'failed  %s\n' "$what"
        cat "$lab/step.log"
        for host in a b; do
            echo "--- last lines of dockerd on $host"
            tail -n 15 "$lab/$host/log"
        done
        echo "$passed passed, 1 failed"
        exit 1
    fi
    passed=$((passed + 1))
    printf 'ok %6.2f s  %s\n' "$(awk "BEGIN { print $EPOCHREALTIME - $from }")" "$what"
}

listed() { on "$1" network ls --format '{{.Name}} {{.Driver}} {{.Scope}}' | grep -qx 'ov overlay global'; }
not_listed() { ! listed "$1"; }
run_on() { on "$1" run -d --name "c-$1" --hostname "c-$1" --network ov --restart always --stop-timeout 1 lab /bin/sleep 1000000; }
ping_from() { on "$1" exec "c-$1" /bin/ping -c 1 -W 2 "c-$2"; }

# The network's containers, as a host's inspection shows them: name and address, its own and the other's.
shown_on() {
    on "$1" network inspect ov --format '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{println}}{{end}}' | grep . | sort
}

address_of() { on "$1" inspect "c-$1" --format '{{.NetworkSettings.Networks.ov.IPAddress}}'; }

both_shown() {
    local expected
    expected=$(printf 'c-a %s/24\nc-b %s/24' "$(address_of a)" "$(address_of b)")
    [ "$(shown_on "$1")" = "$expected" ] || { echo "expected:"; echo "$expected"; echo "shown:"; shown_on "$1"; return 1; }
}

refused_removal() {
    local said
    if said=$(on "$1" network rm ov 2>&1); then
        echo "the network was removed under its containers"
        return 1
    fi
    grep -q 'has active endpoints' <<<"$said" || { echo "$said"; return 1; }
}

remove_containers() { on a rm -f c-a && on b rm -f c-b; }

restart() {
    local host
    for host in "$@"; do
        end "$host"
    done
    for host in "$@"; do
        daemon_start "$host"
    done
    for host in "$@"; do
        wait_for 600 "return of the container on $host" container_up "$host"
    done
}

container_up() { [ "$(on "$1" inspect "c-$1" --format '{{.State.Running}}')" = true ]; }

# Every container has the address it had, and both hosts know both.
as_before() {
    local now
    now="$(address_of a) $(address_of b)"
    [ "$now" = "$addresses" ] || { echo "addresses were $addresses and are $now"; return 1; }
    wait_for 300 "both endpoints on both hosts" both_shown_everywhere || { both_shown a; both_shown b; }
}

both_shown_everywhere() { both_shown a && both_shown b; }

# A peer that was restarted is found again by serf, which takes a moment.
ping_both() {
    wait_for 100 "ping from a to b" ping_from a b && wait_for 100 "ping from b to a" ping_from b a
}

journey() {
    local hard=
    while [ $# -gt 0 ]; do
        case $1 in
            --hard) hard=yes ;;
            --between)
                between=${2:?}
                shift
                ;;
            *) die "journey takes --hard and --between CMD, not '$1'" ;;
        esac
        shift
    done
    [ -e "$lab/store" ] || die "no lab is up; tests/docker up starts one"
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

hard_steps() {
    step "restart the daemon on a" restart a
    step "no address was lost" as_before
    step "ping by name, both ways, after one restart" ping_both
    step "restart both daemons" restart a b
    step "no address was lost by both restarts" as_before
    step "ping by name, both ways, after both restarts" ping_both
}
