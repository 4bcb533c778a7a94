#!/usr/bin/env bash
# The server of go-zookeeper's own tests, which start it as ZooKeeper's zkServer.sh: $ZOOKEEPER_SERVER, as
# tests/servers/run-zookeeper takes it, in the place of the one that CONFIG describes. Where $ETCD is the HOST:PORT of an etcd,
# those of one test are gateways of one store in it.
#
#   tests/clients/zkServer.sh start-foreground CONFIG
set -euo pipefail

of() { sed -n "s/^$1=//p" "$2"; }

directory=$(of dataDir "$2")
ZOOKEEPER_SETTINGS=$(grep -E '^(server\.|standaloneEnabled|initLimit|syncLimit)' "$2" || true)
export ZOOKEEPER_SETTINGS
if [[ -n ${ETCD-} ]]; then
    # Named after the directory that the servers of a test share.
    SHARED_STORE=etcd://$ETCD/$(dirname "$directory" | tr -dc '[:alnum:]')
    export SHARED_STORE
fi
exec "$(dirname "${BASH_SOURCE[0]}")/../servers/run-zookeeper" "$ZOOKEEPER_SERVER" "127.0.0.1:$(of clientPort "$2")" \
    "$directory"
