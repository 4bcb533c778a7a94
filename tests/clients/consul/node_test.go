package consul

import "testing"

// What locks, sessions and the consul command ask of the server itself.
func TestTheServerNamesItself(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	self, err := client.Agent().Self()
	ok(t, "ask the agent", err)
	config := self["Config"]
	node, _ := config["NodeName"].(string)
	datacenter, _ := config["Datacenter"].(string)
	version, _ := config["Version"].(string)
	if node == "" || datacenter == "" || version == "" || config["Server"] != true {
		t.Fatalf("the agent's configuration is %v", config)
	}
	if self["Member"]["Name"] != node {
		t.Fatalf("the agent %q is the member %v", node, self["Member"]["Name"])
	}

	leader, err := client.Status().Leader()
	ok(t, "ask the leader", err)
	peers, err := client.Status().Peers()
	ok(t, "ask the peers", err)
	if leader == "" || len(peers) != 1 || peers[0] != leader {
		t.Fatalf("leader %q, peers %q", leader, peers)
	}

	datacenters, err := client.Catalog().Datacenters()
	ok(t, "ask the datacenters", err)
	if len(datacenters) != 1 || datacenters[0] != datacenter {
		t.Fatalf("in datacenter %q, which lists %q", datacenter, datacenters)
	}
	nodes, meta, err := client.Catalog().Nodes(nil)
	ok(t, "ask the nodes", err)
	if len(nodes) != 1 || nodes[0].Node != node || nodes[0].Datacenter != datacenter || len(nodes[0].ID) != 36 || nodes[0].Address == "" || meta.LastIndex == 0 {
		t.Fatalf("nodes %+v", nodes)
	}
	services, _, err := client.Catalog().Services(nil)
	ok(t, "ask the services", err)
	if _, there := services["consul"]; !there || len(services) != 1 {
		t.Fatalf("services %v", services)
	}
	one, _, err := client.Catalog().Node(node, nil)
	ok(t, "ask the node", err)
	if one == nil || one.Node.ID != nodes[0].ID || one.Services["consul"] == nil {
		t.Fatalf("node %+v", one)
	}
	none, _, err := client.Catalog().Node("no-such-node", nil)
	ok(t, "ask an unknown node", err)
	if none != nil {
		t.Fatalf("node %+v", none)
	}
}
