// Package overlay has the overlay driver's own decoder of networks, which `extract` takes word for word out of its sources, and
// the types that it is a method of, with the fields that it uses.
package overlay

import "net"

type subnet struct {
	subnetIP, gwIP *net.IPNet
	vni            uint32
}

type network struct {
	id      string
	subnets []*subnet
	secure  bool
	mtu     int
}

// Network decodes a network twice, as at its start and at each container's, and looks for a subnet as a container does.
func Network(value []byte) error {
	n := &network{}
	for range [2]struct{}{} {
		if err := n.SetValue(value); err != nil {
			return err
		}
	}
	address := &net.IPNet{IP: net.IPv4(10, 0, 0, 2), Mask: net.CIDRMask(24, 32)}
	n.getSubnetforIP(address)
	n.contains(address.IP)
	n.Value()
	return nil
}
