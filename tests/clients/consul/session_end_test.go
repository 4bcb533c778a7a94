package consul

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func TestTheEndOfASessionReleasesItsKeys(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv := client.KV()
	id := session(t, client, &api.SessionEntry{Behavior: api.SessionBehaviorRelease, LockDelay: time.Millisecond})
	for _, key := range []string{"a", "b"} {
		if !acquire(t, kv, p+key, id, key) {
			t.Fatal("a free key was refused")
		}
	}
	put(t, kv, p+"c", "c")
	held, meta := get(t, kv, p+"a")
	if held.Session != id || held.LockIndex != 1 {
		t.Fatalf("read %+v", held)
	}
	parked := park(t, p+"a", meta.LastIndex)
	_, err := client.Session().Destroy(id, nil)
	ok(t, "destroy", err)
	if a := within(t, "the release", parked); a.err != nil || a.value != "a" {
		t.Fatalf("woken with %+v", a)
	}
	for _, key := range []string{"a", "b"} {
		pair, _ := get(t, kv, p+key)
		if pair.Session != "" || pair.LockIndex != 1 || string(pair.Value) != key || pair.ModifyIndex <= held.ModifyIndex {
			t.Fatalf("after the end read %+v", pair)
		}
	}
}

func TestTheEndOfASessionDeletesItsKeys(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv := client.KV()
	id := session(t, client, &api.SessionEntry{Behavior: api.SessionBehaviorDelete})
	if !acquire(t, kv, p+"a", id, "a") || !acquire(t, kv, p+"b", id, "b") {
		t.Fatal("a free key was refused")
	}
	put(t, kv, p+"c", "c")
	parked := parkTree(t, p, treeIndex(t, kv, p), true)
	_, err := client.Session().Destroy(id, nil)
	ok(t, "destroy", err)
	if a := within(t, "the deletion", parked); a.err != nil || len(a.keys) != 1 || a.keys[0] != p+"c" {
		t.Fatalf("woken with %+v", a)
	}
	absent(t, kv, p+"a")
	absent(t, kv, p+"b")
}

// A session of 1 s ends by itself, at the latest at twice its TTL and a little.
func TestATTLEndsASession(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	begun := time.Now()
	id := session(t, client, &api.SessionEntry{TTL: "1s", Behavior: api.SessionBehaviorDelete})
	if !acquire(t, client.KV(), p+"k", id, "v") {
		t.Fatal("a free key was refused")
	}
	_, meta := get(t, client.KV(), p+"k")
	a := within(t, "the expiry", park(t, p+"k", meta.LastIndex))
	if a.err != nil || a.value != "" {
		t.Fatalf("woken with %+v", a)
	}
	if lived := time.Since(begun); lived < time.Second {
		t.Fatalf("a session of 1 s lived %v", lived)
	}
	absent(t, client.KV(), p+"k")
	info, _, err := client.Session().Info(id, nil)
	ok(t, "info", err)
	if info != nil {
		t.Fatalf("the expired session is still there: %+v", info)
	}
}

func TestRenewingKeepsASession(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	id := session(t, client, &api.SessionEntry{TTL: "1s", Behavior: api.SessionBehaviorDelete})
	if !acquire(t, client.KV(), p+"k", id, "v") {
		t.Fatal("a free key was refused")
	}
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(400 * time.Millisecond) {
		entry, _, err := client.Session().Renew(id, nil)
		ok(t, "renew", err)
		if entry == nil || entry.ID != id || entry.TTL != "1s" {
			t.Fatalf("renewed %+v", entry)
		}
	}
	get(t, client.KV(), p+"k")
}

func TestRenewPeriodicDestroysAtItsEnd(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	id := session(t, client, &api.SessionEntry{TTL: "1s"})
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- client.Session().RenewPeriodic("1s", id, nil, stop) }()
	select {
	case err := <-ended:
		t.Fatalf("renewing ended: %v", err)
	case <-time.After(4 * time.Second):
	}
	info, _, err := client.Session().Info(id, nil)
	ok(t, "info", err)
	if info == nil {
		t.Fatal("the renewed session is gone")
	}
	close(stop)
	ok(t, "renew", within(t, "the end of renewing", ended))
	info, _, err = client.Session().Info(id, nil)
	ok(t, "info", err)
	if info != nil {
		t.Fatal("the session outlives its renewing")
	}
}

func TestRenewPeriodicHearsOfTheEnd(t *testing.T) {
	t.Parallel()
	client := newClient(t)
	id := session(t, client, &api.SessionEntry{TTL: "2s"})
	ended := make(chan error, 1)
	go func() { ended <- client.Session().RenewPeriodic("2s", id, nil, make(chan struct{})) }()
	_, err := newClient(t).Session().Destroy(id, nil)
	ok(t, "destroy", err)
	if err := within(t, "the end of renewing", ended); err != api.ErrSessionExpired {
		t.Fatalf("renewing ended with %v", err)
	}
}
