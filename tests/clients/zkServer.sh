#!/usr/bin/env bash
# The server of go-zookeeper's own tests, which start it as ZooKeeper's zkServer.sh: $ZOOKEEPER_SERVER, as
# tests/servers/run-zookeeper takes it, in the place of the one that CONFIG describes.
#
#   tests/clients/zkServer.sh start-foreground CONFIG
set -euo pipefail

of() { sed -n "s/^$1=//p" "$2"; }

exec "$(dirname "${BASH_SOURCE[0]}")/../servers/run-zookeeper" "$ZOOKEEPER_SERVER" "127.0.0.1:$(of clientPort "$2")" \
    "$(of dataDir "$2")"
