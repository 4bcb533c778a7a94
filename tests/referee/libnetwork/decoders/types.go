// Package decoders has libnetwork's own decoders of networks, endpoints and their counts, which `extract` takes word for word
// out of its sources, and the types that these are the methods of, with the fields that they use.
package decoders

import (
	"net"
	"sync"
	"time"

	"github.com/docker/libnetwork/datastore"
	"github.com/docker/libnetwork/options"
	"github.com/docker/libnetwork/types"
)

// PortConfig is a port of a swarm's service.
type PortConfig struct {
	Name          string
	TargetPort    uint32
	PublishedPort uint32
}

type network struct {
	datastore.KVObject
	name, networkType, id                   string
	created                                 time.Time
	scope                                   string
	labels                                  map[string]string
	ipamType                                string
	ipamOptions                             map[string]string
	addrSpace                               string
	ipamV4Config, ipamV6Config              []*IpamConf
	ipamV4Info, ipamV6Info                  []*IpamInfo
	enableIPv6, postIPv6                    bool
	generic                                 options.Generic
	dbIndex                                 uint64
	dbExists, persist                       bool
	drvOnce                                 *sync.Once
	internal, attachable, inDelete, ingress bool
	dynamic, configOnly                     bool
	configFrom                              string
	loadBalancerIP                          net.IP
	loadBalancerMode                        string
	sync.Mutex
}

type endpoint struct {
	datastore.KVObject
	name, id                     string
	iface                        *endpointInterface
	joinInfo                     *endpointJoinInfo
	sandboxID, locator           string
	exposedPorts                 []types.TransportPort
	anonymous, disableResolution bool
	generic                      map[string]interface{}
	myAliases                    []string
	svcID, svcName               string
	virtualIP                    net.IP
	svcAliases                   []string
	ingressPorts                 []*PortConfig
	dbIndex                      uint64
	dbExists, loadBalancer       bool
	sync.Mutex
}

// Network decodes a network and copies it, as a daemon does with each at each list.
func Network(value []byte) error {
	n := &network{}
	if err := n.UnmarshalJSON(value); err != nil {
		return err
	}
	for _, info := range append(n.ipamV4Info, n.ipamV6Info...) {
		_ = info.Pool.Contains(net.IPv4zero)
	}
	return n.CopyTo(&network{})
}

// Endpoint decodes an endpoint, copies it, and asks for its addresses, as service discovery does.
func Endpoint(value []byte) error {
	ep := &endpoint{}
	if err := ep.UnmarshalJSON(value); err != nil {
		return err
	}
	ep.getFirstInterfaceIPv4Address()
	ep.getFirstInterfaceIPv6Address()
	return ep.CopyTo(&endpoint{})
}

// Count decodes an endpoint count.
func Count(value []byte) error {
	return (&endpointCnt{n: &network{}}).SetValue(value)
}
