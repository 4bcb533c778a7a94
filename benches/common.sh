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
    consul[$name]=$(sed -n 's|^consul.*consul://\([^ ]*\).*|\1|p' "$work/$name.out")
    etcd[$name]=$(sed -n 's|^etcd.*etcd://\([^ ]*\).*|\1|p' "$work/$name.out")
    admin[$name]=$(sed -n 's|^admin.*http://||p' "$work/$name.out")
}
readiness() { curl -s -m 5 "http://${admin[$1]}/readyz" | grep -q "$2"; }
is() { until_true "$1 is not $2" readiness "$1" "$2"; }

# One load, whose result goes to a file: load FILE OPERATION TARGET [OPTION...]
load() {
    local file=$1
    shift
    "$kubekv" bench "$@" --quiet --json "$file"
}
# The same load on two servers, in turn: both NAME OURS THEIRS OPERATION [OPTION...]
both() {
    local name=$1 ours=$2 theirs=$3 operation=$4 round
    shift 4
    mkdir -p "$work/cells"
    rm -f "$work/cells/$name"-*
    for round in $(seq "$rounds"); do
        load "$work/cells/$name-ours-$round.json" "$operation" "$ours" --duration "$seconds" "$@"
        load "$work/cells/$name-theirs-$round.json" "$operation" "$theirs" --duration "$seconds" "$@"
    done
}
# A row of what `both` measured last under a name: compared NAME LABEL [OPTION...]
compared() {
    local name=$1 label=$2
    shift 2
    "$kubekv" bench compare --label "$label" "$@" \
        --ours "$work/cells/$name"-ours-*.json --theirs "$work/cells/$name"-theirs-*.json
}
# The usual rows of writes: write_rows NAME LABEL P50-GOAL RATE-GOAL
write_rows() {
    compared "$1" "$2: p50" --figure p50 ${3:+--at-most "$3"}
    compared "$1" "$2: p99" --figure p99
    compared "$1" "$2: rate" --figure rate ${4:+--at-least "$4"}
}
# A figure of a result: figure NAME FILE, of the first operation
figure() { grep -o "\"$1\":[0-9.]*" "$2" | sed -n "1s/.*://p"; }

# What wrk reads a second, and rows of such rounds: for what kubekv bench does not speak.
wrk_cell() {
    wrk -t1 -c"$1" -d"${seconds}s" ${3:+-s "$3"} "$2" |
        awk '/Requests\/sec/ { print $2 } /Non-2xx/ { print "errors: " $0 > "/dev/stderr" }'
}
# Of two places in turn: beside CLIENTS URL URL SCRIPT SCRIPT
beside() {
    for _ in $(seq "$rounds"); do echo "$(wrk_cell "$1" "$2" "$4") $(wrk_cell "$1" "$3" "$5")"; done
}
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

list=docker/network/v1.0/network
one=$(printf '%064d' 500)
echo 'wrk.headers["Accept-Encoding"] = "gzip"' >"$work/gzip.lua"
# Writes networks as dockerd does: networks COUNT TARGET...
networks() {
    local count=$1 target
    shift
    echo '{"Count":0}' >"$work/endpoint_count.json"
    for target in "$@"; do
        "$kubekv" bench fill "$target" --keys "$count" --key-width 64 --prefix "$list/" --value-file "$records/network.json"
        "$kubekv" bench fill "$target" --keys "$count" --key-width 64 --prefix docker/network/v1.0/endpoint_count/ \
            --value-file "$work/endpoint_count.json"
    done
}

# What clients see when the leader goes: takeover STORE, which is given a number for each duration of leadership. 4 clients
# write and 4 read, 100 requests a second each kind; they move on to the other gateway when a connection is lost.
takeover() {
    local duration signal name kind target
    title "The leader goes: longest time without a success, and failures, of clients that know both gateways"
    for duration in 10 4; do
        for signal in KILL TERM; do
            for name in first second; do
                serve $name "$1-$duration" --lead-duration $duration
                is $name "$([ $name = first ] && echo ok || echo relaying)"
            done
            target=etcd2://${etcd[first]},${etcd[second]}
            "$kubekv" bench fill "$target" --keys 4
            for kind in put get; do
                load "$work/outage-$kind.json" $kind "$target" --clients 4 --rate 400 --keys 4 --warm-up 1 \
                    --duration $((duration + 6)) &
                pid[load-$kind]=$!
            done
            sleep 3
            kill -"$signal" "${pid[first]}"
            wait "${pid[load-put]}" "${pid[load-get]}" || true
            for kind in put get; do
                line "leadership of $duration s, SIG$signal: $kind" \
                    "$("$kubekv" bench merge "$work/outage-$kind.json" | grep -E 'failed|longest' | tr -s ' \n' ' ')"
                unset "pid[load-$kind]"
            done
            stop first second
        done
    done
}
