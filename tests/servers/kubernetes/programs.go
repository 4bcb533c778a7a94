//go:build never

// Package programs names what is built from this module: kube-apiserver and kubectl.
package programs

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
