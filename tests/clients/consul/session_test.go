package consul

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func TestSessionDefaults(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	id, _, err := client.Session().Create(nil, nil)
	ok(t, "create", err)
	defer client.Session().Destroy(id, nil)
	if len(id) != 36 || strings.Count(id, "-") != 4 {
		t.Fatalf("the id %q is no UUID", id)
	}
	info, _, err := client.Session().Info(id, nil)
	ok(t, "info", err)
	node, err := client.Agent().NodeName()
	ok(t, "ask the node's name", err)
	if info == nil || info.ID != id || info.Node != node || node == "" || info.Name != "" || info.TTL != "" || info.CreateIndex == 0 {
		t.Fatalf("on node %q read %+v", node, info)
	}
	if info.Behavior != api.SessionBehaviorRelease || info.LockDelay != 15*time.Second {
		t.Fatalf("behaviour %q, lock-delay %v", info.Behavior, info.LockDelay)
	}
	if len(info.NodeChecks) != 1 || info.NodeChecks[0] != "serfHealth" {
		t.Fatalf("a session without checks named has the checks %q", info.NodeChecks)
	}
}

func TestSessionFieldsRoundTrip(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	id := session(t, client, &api.SessionEntry{
		Name: "näme \"q\"", TTL: "90s", LockDelay: time.Millisecond, Behavior: api.SessionBehaviorDelete,
	})
	info, _, err := client.Session().Info(id, nil)
	ok(t, "info", err)
	if info.Name != "näme \"q\"" || info.TTL != "90s" || info.LockDelay != time.Millisecond || info.Behavior != api.SessionBehaviorDelete {
		t.Fatalf("read %+v", info)
	}
	if len(info.NodeChecks) != 0 {
		t.Fatalf("a session made without checks has %q", info.NodeChecks)
	}
}

func TestSessionsAreListed(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	id := session(t, client, &api.SessionEntry{Name: prefix(t)})
	info, _, err := client.Session().Info(id, nil)
	ok(t, "info", err)
	listed := func(entries []*api.SessionEntry, _ *api.QueryMeta, err error) bool {
		ok(t, "list", err)
		for _, entry := range entries {
			if entry.ID == id {
				return entry.Name == info.Name && entry.Node == info.Node
			}
		}
		return false
	}
	if !listed(client.Session().List(nil)) || !listed(client.Session().Node(info.Node, nil)) {
		t.Fatal("the session is not in the lists")
	}
	if listed(client.Session().Node("no-such-node", nil)) {
		t.Fatal("the session is listed for another node")
	}
	_, err = client.Session().Destroy(id, nil)
	ok(t, "destroy", err)
	if listed(client.Session().List(nil)) || listed(client.Session().Node(info.Node, nil)) {
		t.Fatal("the destroyed session is still listed")
	}
}

func TestSessionUnknown(t *testing.T) {
	t.Parallel()
	client, unknown := newClient(t), "adf4238a-882b-9ddc-4a9d-5b6758e4159e"
	info, _, err := client.Session().Info(unknown, nil)
	ok(t, "info", err)
	if info != nil {
		t.Fatalf("read %+v", info)
	}
	info, _, err = client.Session().Renew(unknown, nil)
	ok(t, "renew", err)
	if info != nil {
		t.Fatalf("renewed %+v", info)
	}
	_, err = client.Session().Destroy(unknown, nil)
	ok(t, "destroy", err)
	_, _, err = client.KV().Acquire(&api.KVPair{Key: prefix(t) + "k", Session: unknown}, nil)
	if err == nil || !strings.Contains(err.Error(), "invalid session") {
		t.Fatalf("acquire for an unknown session: %v", err)
	}
	released, _, err := client.KV().Release(&api.KVPair{Key: prefix(t) + "k", Session: unknown}, nil)
	ok(t, "release", err)
	if released {
		t.Fatal("released what was not held")
	}
}

func TestSessionBadFields(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	for what, c := range map[string]struct {
		entry api.SessionEntry
		want  string
	}{
		"an unknown behaviour": {api.SessionEntry{Behavior: "explode"}, "Invalid Behavior"},
		"a TTL of a day":       {api.SessionEntry{TTL: "25h"}, "Invalid Session TTL"},
		"a TTL of 1 ms":        {api.SessionEntry{TTL: "1ms"}, "Invalid Session TTL"},
		"a TTL without unit":   {api.SessionEntry{TTL: "15"}, "TTL"},
		"an unknown check":     {api.SessionEntry{NodeChecks: []string{"no-such-check"}}, "no-such-check"},
		"an unknown node":      {api.SessionEntry{Node: "no-such-node"}, "node"},
	} {
		entry := c.entry
		id, _, err := client.Session().Create(&entry, nil)
		if err == nil {
			client.Session().Destroy(id, nil)
			t.Errorf("%s was taken", what)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %q", what, err)
		}
	}
}

func TestSessionInfoBlocks(t *testing.T) {
	t.Parallel()
	client, other := newClient(t), newClient(t)
	id := session(t, client, &api.SessionEntry{})
	_, meta, err := client.Session().Info(id, nil)
	ok(t, "info", err)
	gone := make(chan bool, 1)
	go func() {
		// Other sessions may come and go meanwhile: ask on until it is this one.
		for index := meta.LastIndex; ; {
			info, meta, err := other.Session().Info(id, &api.QueryOptions{WaitIndex: index, WaitTime: patience})
			if err != nil || info == nil {
				gone <- err == nil
				return
			}
			index = meta.LastIndex
		}
	}()
	silent(t, "woken without a change", gone)
	_, err = client.Session().Destroy(id, nil)
	ok(t, "destroy", err)
	if !within(t, "the end of the session", gone) {
		t.Fatal("the blocking query failed")
	}
}
