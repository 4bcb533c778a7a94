//go:build never

// Package programs names what is built from this module: etcd.
package programs

import (
	_ "go.etcd.io/etcd/server/v3"
)
