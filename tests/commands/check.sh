# shellcheck shell=bash
# Checks of what a command prints and how it ends: sourced by the scripts beside it.

passed=0 failed=0

# What differs from run to run, replaced by its place in the output: the keys of this run, indexes,
# ids, in-order names and the server's address.
plain() {
    sed -E -e "s/$run/KEYS/g" \
        -e 's/ \[[0-9]+\]$/ [N]/' \
        -e 's/\b(Created-Index|Modified-Index|Index|CreateIndex|ModifyIndex)(: *|": *| +)[0-9]+/\1\2N/' \
        -e 's/(INDEX=)[0-9]+/\1N/' -e 's/(createdIndex|modifiedIndex)":[0-9]+/\1":N/g' \
        -e 's/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/UUID/g' \
        -e 's/\b[0-9]{20}\b/IN-ORDER/g' -e 's/\b[0-9a-f]{15,16}\b/ID/g' \
        -e 's#https?://[][A-Za-z0-9.:]+#URL#g' -e 's/[[:space:]]+$//'
}

# same NAME WANT GOT: one check.
same() {
    if [[ $2 == "$3" ]]; then
        passed=$((passed + 1))
        echo "ok      $1"
    else
        failed=$((failed + 1))
        echo "FAILED  $1"
        diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | sed 's/^/        /' || true
    fi
}

# prints STATUS WANT COMMAND...: runs a command, which must end with STATUS and
# have printed WANT on both outputs together.
prints() {
    local status=$1 want=$2 got ended=0
    shift 2
    got=$(timeout 30 "$@" 2>&1) || ended=$?
    same "$(printf '%s ' "$@" | plain)" "$want
exit $status" "$(printf '%s\n' "$got" | plain)
exit $ended"
}

# becomes NAME WANT COMMAND...: asks again until a command prints WANT, for 20 s.
becomes() {
    local name=$1 want=$2 got end=$((SECONDS + 20))
    shift 2
    while got=$({ "$@" 2>&1 || true; } | plain) && [[ $got != "$want" ]] && ((SECONDS < end)); do
        sleep 0.1
    done
    same "$name" "$want" "$got"
}

# ends NAME STATUS PROCESS: waits for a process of ours.
ends() {
    local ended=0
    wait "$3" || ended=$?
    same "$1" "exit $2" "exit $ended"
}

finish() {
    echo "$passed passed, $failed failed"
    ((failed == 0 && passed > 0))
}
