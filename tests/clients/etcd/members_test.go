package etcd

import (
	"testing"

	"go.etcd.io/etcd/client/v2"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	members := client.NewMembersAPI(newClient(t))
	all, err := members.List(background(t))
	ok(t, "list the members", err)
	if len(all) == 0 {
		t.Fatal("there is no member")
	}
	leader, err := members.Leader(background(t))
	ok(t, "ask the leader", err)
	found := false
	for _, member := range all {
		if member.ID == "" || member.Name == "" || len(member.ClientURLs) == 0 {
			t.Fatalf("member %+v", member)
		}
		found = found || member.ID == leader.ID
	}
	if !found {
		t.Fatalf("the leader %+v is no member", leader)
	}
}

// After a sync the client dials what the server said of itself.
func TestAClientGoesOnAfterASync(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	ok(t, "sync", c.Sync(background(t)))
	if len(c.Endpoints()) == 0 {
		t.Fatal("no endpoint is left")
	}
	keys, d := client.NewKeysAPI(c), directory(t)
	set(t, keys, d+"/k", "v")
	get(t, keys, d+"/k")
}

func TestVersion(t *testing.T) {
	t.Parallel()
	version, err := newClient(t).GetVersion(background(t))
	ok(t, "ask the version", err)
	if version.Server == "" || version.Cluster == "" {
		t.Fatalf("version %+v", version)
	}
}
