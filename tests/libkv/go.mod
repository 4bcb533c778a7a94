module kubekv/tests/libkv

go 1.19

require (
	github.com/coreos/etcd v3.3.27+incompatible
	github.com/coreos/go-semver v0.3.0
	github.com/docker/libkv v0.2.1
	github.com/hashicorp/consul v0.5.2
	github.com/json-iterator/go v1.1.11
	github.com/stretchr/testify v1.8.4
)

require (
	github.com/go-zookeeper/zk v1.0.4 // indirect
	github.com/kvtools/valkeyrie v1.0.0 // indirect
	github.com/kvtools/zookeeper v1.0.2
)

require (
	github.com/modern-go/concurrent v0.0.0-20180228061459-e0a39a4cb421 // indirect
	github.com/modern-go/reflect2 v1.0.2
	github.com/samuel/go-zookeeper v0.0.0-20190923202752-2cc03de413da // indirect
	golang.org/x/net v0.17.0 // indirect
)
