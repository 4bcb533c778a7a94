# What measurements have in common: gateways of `$kubekv` with what they keep in `$work`, and rows of results. Sourced.

declare -A pid=()
stop() {
    local name
    for name in "$@"; do
        kill "${pid[$name]}" 2>/dev/null || true
        wait "${pid[$name]}" 2>/dev/null || true
        unset "pid[$name]"
    done
}

# A command that succeeds within a minute, or the end: until_true WHAT COMMAND...
until_true() {
    local what=$1 last=$((EPOCHSECONDS + 60))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$EPOCHSECONDS" -lt "$last" ] || { echo "$here: $what: not within a minute" >&2; exit 1; }
        sleep 0.02
    done
}
line() { printf '%-62s %s\n' "$1" "$2"; }
title() { printf '\n%s\n' "$1"; }
wanted() { [[ $only == *",$1,"* ]]; }
clients() { [ "$1" = 1 ] && echo "1 client" || echo "$1 clients"; }

# A gateway on ports that the kernel gives: serve NAME STORE [OPTION...] sets consul[NAME], etcd[NAME] and admin[NAME].
declare -A consul=() etcd=() admin=()
serve() {
    local name=$1 store=$2
    shift 2
    "$kubekv" serve --store "$store" --consul 127.0.0.1:0 --etcd 127.0.0.1:0 --admin 127.0.0.1:0 --log-level error "$@" \
        >"$work/$name.out" 2>"$work/$name.log" &
    pid[$name]=$!
    until_true "$name" grep -q ^admin "$work/$name.out"
    consul[$name]=$(sed -n 's|^consul.*consul://||p' "$work/$name.out")
    etcd[$name]=$(sed -n 's|^etcd.*etcd://||p' "$work/$name.out")
    admin[$name]=$(sed -n 's|^admin.*http://||p' "$work/$name.out")
}
readiness() { curl -s "http://${admin[$1]}/readyz" | grep -q "$2"; }
is() { until_true "$1 is not $2" readiness "$1" "$2"; }

# Rows of what each round printed, "OURS THEIRS" a line: row WHAT UNIT least|most GOAL
row() {
    awk -v what="$1" -v unit="$2" -v kind="$3" -v goal="$4" '
        function median(of, count,    i, j, swap) {
            for (i = 1; i < count; i++) for (j = i + 1; j <= count; j++)
                if (of[j] < of[i]) { swap = of[i]; of[i] = of[j]; of[j] = swap }
            return count % 2 ? of[(count + 1) / 2] : (of[count / 2] + of[count / 2 + 1]) / 2
        }
        { ours[NR] = $1; theirs[NR] = $2; ratio[NR] = $1 / $2 }
        END {
            middle = median(ratio, NR)
            missed = goal != "" && (kind == "least" ? middle < goal : middle > goal)
            printf "%-62s %10.1f %10.1f %-4s %7.2fx (%.2f to %.2f)%s%s\n", what, median(ours, NR), median(theirs, NR), unit,
                middle, ratio[1], ratio[NR], goal == "" ? "" : ", goal at " kind " " goal "x", missed ? ": MISSED" : ""
        }'
}

# Writes of `$probe put` through the gateway "ours", and of the function `raw` with the same options, in turn, each client
# when it was answered: writes WHAT PROTOCOL CLIENTS P50-GOAL THROUGHPUT-GOAL [OPTION...]
writes() {
    local what=$1 protocol=$2 number=$3 p50=$4 throughput=$5
    shift 5
    ours() { declare -n address=$protocol; "$probe" put --protocol "$protocol" --address "${address[ours]}" --seconds "$seconds" "$@"; }
    for _ in $(seq "$rounds"); do
        echo "$(ours --clients "$number" "$@") $(raw --clients "$number" "$@")"
    done >"$work/cells"
    awk '{ print $2 / 1000, $5 / 1000 }' "$work/cells" | row "$what: p50" ms most "$p50"
    awk '{ print $3 / 1000, $6 / 1000 }' "$work/cells" | row "$what: p99" ms most ""
    [[ " $* " == *" --rate "* ]] || awk '{ print $1, $4 }' "$work/cells" | row "$what: throughput" /s least "$throughput"
}
# Half of what the slower took of the writes that were measured last.
half() {
    for column in 1 4; do
        awk -v column=$column '{ print $column / 2 }' "$work/cells" | sort -g | sed -n "$(((rounds + 1) / 2))p"
    done | sort -g | sed -n '1s/\..*//p'
}

# What wrk reads a second: cell CLIENTS URL [SCRIPT]
cell() {
    wrk -t1 -c"$1" -d"${seconds}s" ${3:+-s "$3"} "$2" |
        awk '/Requests\/sec/ { print $2 } /Non-2xx/ { print "errors: " $0 > "/dev/stderr" }'
}
# Of two places in turn: beside CLIENTS URL URL SCRIPT SCRIPT
beside() {
    for _ in $(seq "$rounds"); do echo "$(cell "$1" "$2" "$4") $(cell "$1" "$3" "$5")"; done
}

list=docker/network/v1.0/network
one=$(printf '%064x' 500)
echo 'wrk.headers["Accept-Encoding"] = "gzip"' >"$work/gzip.lua"
# Writes 1,000 networks as dockerd does, through gateways: networks NAME...
networks() {
    local number who
    for number in $(seq 0 999); do
        printf 'request = PUT\ndata-binary = "@%s"\nurl = "http://ADDRESS/v1/kv/%s/%064x"\noutput = /dev/null\n' \
            "$records/network.json" "$list" "$number"
        [ "$number" = 999 ] || printf 'next\n'
    done >"$work/load"
    for who in "$@"; do
        sed "s|ADDRESS|${consul[$who]}|" "$work/load" >"$work/load-$who"
        curl -s --no-progress-meter -Z --parallel-max 16 -K "$work/load-$who"
    done
}

# What clients see when the gateway that leads goes: takeover STORE, which is given a number for each lead's duration.
takeover() {
    local duration signal name what which gap failed all who
    title "The gateway that leads goes: 4 writers and 4 readers of each kind, a request every 10 ms"
    for duration in 10 4; do
        for signal in KILL TERM; do
            for name in first second; do
                serve $name "$1-$duration" --lead-duration $duration
                is $name "$([ $name = first ] && echo ok || echo relaying)"
            done
            "$probe" outage --protocol consul --leads "${consul[first]}" --stands-by "${consul[second]}" \
                --pid "${pid[first]}" --signal $signal --seconds $((duration + 4)) |
                while read -r what which gap failed all; do
                    [ "$which" = staying ] && who="of the other gateway" || who="who move on to the other"
                    line "lead of $duration s, SIG$signal: $what of clients $who" \
                        "longest gap $gap ms, $failed of $all requests failed"
                done
            stop first second
        done
    done
}
