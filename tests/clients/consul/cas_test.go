package consul

import (
	"strconv"
	"sync"
	"testing"

	"github.com/hashicorp/consul/api"
)

func cas(t *testing.T, kv *api.KV, key, value string, index uint64) bool {
	t.Helper()
	done, _, err := kv.CAS(&api.KVPair{Key: key, Value: []byte(value), ModifyIndex: index}, nil)
	ok(t, "cas "+key, err)
	return done
}

func TestCompareAndSet(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	key := p + "k"
	if cas(t, kv, key, "x", 1) {
		t.Fatal("cas of an absent key with an index succeeded")
	}
	absent(t, kv, key)
	if !cas(t, kv, key, "one", 0) {
		t.Fatal("cas 0 did not create")
	}
	if cas(t, kv, key, "x", 0) {
		t.Fatal("cas 0 replaced a key")
	}
	first, _ := get(t, kv, key)
	if !cas(t, kv, key, "two", first.ModifyIndex) {
		t.Fatal("cas with the right index failed")
	}
	if cas(t, kv, key, "x", first.ModifyIndex) {
		t.Fatal("cas with an old index succeeded")
	}
	second, _ := get(t, kv, key)
	if string(second.Value) != "two" {
		t.Fatalf("read %q", second.Value)
	}
	if cas(t, kv, key, "x", second.ModifyIndex+1) {
		t.Fatal("cas with a future index succeeded")
	}
}

func TestCompareAndDelete(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	key := p + "k"
	put(t, kv, key, "one")
	old, _ := get(t, kv, key)
	put(t, kv, key, "two")
	now, _ := get(t, kv, key)
	gone, _, err := kv.DeleteCAS(&api.KVPair{Key: key, ModifyIndex: old.ModifyIndex}, nil)
	ok(t, "delete with an old index", err)
	if gone {
		t.Fatal("delete with an old index succeeded")
	}
	get(t, kv, key)
	gone, _, err = kv.DeleteCAS(&api.KVPair{Key: key, ModifyIndex: now.ModifyIndex}, nil)
	ok(t, "delete", err)
	if !gone {
		t.Fatal("delete with the right index failed")
	}
	absent(t, kv, key)
	gone, _, err = kv.DeleteCAS(&api.KVPair{Key: key, ModifyIndex: now.ModifyIndex}, nil)
	ok(t, "delete what is gone", err)
	if !gone {
		t.Fatal("compare-and-delete of an absent key is true on Consul")
	}
}

// Eight clients count one key up. A lost update would leave it short.
func TestCompareAndSetUnderContention(t *testing.T) {
	t.Parallel()
	key := prefix(t) + "counter"
	const clients, each = 8, 10
	put(t, newClient(t).KV(), key, "0")
	var wait sync.WaitGroup
	for c := 0; c < clients; c++ {
		kv := newClient(t).KV()
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; n < each; {
				pair, _, err := kv.Get(key, nil)
				if err != nil {
					t.Errorf("get: %v", err)
					return
				}
				count, _ := strconv.Atoi(string(pair.Value))
				pair.Value = []byte(strconv.Itoa(count + 1))
				done, _, err := kv.CAS(pair, nil)
				if err != nil {
					t.Errorf("cas: %v", err)
					return
				}
				if done {
					n++
				}
			}
		}()
	}
	wait.Wait()
	if pair, _ := get(t, newClient(t).KV(), key); string(pair.Value) != strconv.Itoa(clients*each) {
		t.Fatalf("%d increments left the counter at %s", clients*each, pair.Value)
	}
}
