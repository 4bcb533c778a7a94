//go:build never

// Package programs names what is built from this module: etcd and etcdctl.
package programs

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/server/v3"
)
