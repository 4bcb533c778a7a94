package consul

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func TestAcquireAndRelease(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv, key := client.KV(), p+"k"
	one := session(t, client, &api.SessionEntry{})
	two := session(t, client, &api.SessionEntry{})
	if !acquire(t, kv, key, one, "one") {
		t.Fatal("a free key was refused")
	}
	if acquire(t, kv, key, two, "two") {
		t.Fatal("a held key was given away")
	}
	if pair, _ := get(t, kv, key); pair.Session != one || string(pair.Value) != "one" || pair.LockIndex != 1 {
		t.Fatalf("read %+v", pair)
	}
	if !acquire(t, kv, key, one, "again") {
		t.Fatal("the holder was refused")
	}
	if pair, _ := get(t, kv, key); string(pair.Value) != "again" || pair.LockIndex != 1 {
		t.Fatalf("the holder acquired again, read %+v", pair)
	}
	released, _, err := kv.Release(&api.KVPair{Key: key, Session: two, Value: []byte("x")}, nil)
	ok(t, "release", err)
	if released {
		t.Fatal("another session released the key")
	}
	released, _, err = kv.Release(&api.KVPair{Key: key, Session: one, Value: []byte("done")}, nil)
	ok(t, "release", err)
	if pair, _ := get(t, kv, key); !released || pair.Session != "" || string(pair.Value) != "done" || pair.LockIndex != 1 {
		t.Fatalf("released %v, read %+v", released, pair)
	}
	// A release leaves no lock-delay behind: only a lost session does.
	if !acquire(t, kv, key, two, "two") {
		t.Fatal("a released key was refused")
	}
	if pair, _ := get(t, kv, key); pair.LockIndex != 2 {
		t.Fatalf("acquired for the second time, lock index %d", pair.LockIndex)
	}
}

// The session stays. The lock index is left open: Consul 1.8.7 sets it to 0.
func TestAPlainPutKeepsTheHolder(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv, key := client.KV(), p+"k"
	id := session(t, client, &api.SessionEntry{})
	if !acquire(t, kv, key, id, "held") {
		t.Fatal("a free key was refused")
	}
	put(t, newClient(t).KV(), key, "plain")
	pair, _ := get(t, kv, key)
	if pair.Session != id || string(pair.Value) != "plain" {
		t.Fatalf("after a put read %+v", pair)
	}
	if !cas(t, kv, key, "cas", pair.ModifyIndex) {
		t.Fatal("cas failed")
	}
	if pair, _ = get(t, kv, key); pair.Session != id || string(pair.Value) != "cas" {
		t.Fatalf("after cas read %+v", pair)
	}
}

// The lock-delay keeps a key from the next holder after its session was lost,
// so that the old one can notice.
func TestLockDelay(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv, key, delay := client.KV(), p+"k", 2*time.Second
	one := session(t, client, &api.SessionEntry{LockDelay: delay})
	two := session(t, client, &api.SessionEntry{LockDelay: delay})
	if !acquire(t, kv, key, one, "one") {
		t.Fatal("a free key was refused")
	}
	lost := time.Now()
	_, err := client.Session().Destroy(one, nil)
	ok(t, "destroy", err)
	if acquire(t, kv, key, two, "two") {
		t.Fatal("the key was given away within its lock-delay")
	}
	if pair, _ := get(t, kv, key); pair.Session != "" {
		t.Fatalf("read %+v", pair)
	}
	put(t, kv, key, "plain") // the delay holds back holders, not writers
	eventually(t, "the end of the lock-delay", func() bool { return acquire(t, kv, key, two, "two") })
	if passed := time.Since(lost); passed < delay {
		t.Fatalf("a lock-delay of %v ended after %v", delay, passed)
	}
}

func TestALockDelayOfZeroIsNone(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv, key := client.KV(), p+"k"
	// The client leaves a zero lock-delay out, so the default of 15 s would
	// apply: the raw form says it.
	var made struct{ ID string }
	_, err := client.Raw().Write("/v1/session/create", map[string]interface{}{"LockDelay": "0s"}, &made, nil)
	ok(t, "create a session", err)
	if !acquire(t, kv, key, made.ID, "one") {
		t.Fatal("a free key was refused")
	}
	_, err = client.Session().Destroy(made.ID, nil)
	ok(t, "destroy", err)
	if !acquire(t, kv, key, session(t, client, &api.SessionEntry{}), "two") {
		t.Fatal("the key was refused although its lock-delay was 0")
	}
}
