package consul

import (
	"os"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"
)

// plan runs one of the client library's watches, the ones behind `consul
// watch`, until the test's end. Each result is sent.
func plan(t *testing.T, fields map[string]interface{}) <-chan interface{} {
	t.Helper()
	p, err := watch.Parse(fields)
	ok(t, "make a watch", err)
	results := make(chan interface{}, 64)
	p.Handler = func(_ uint64, result interface{}) { results <- result }
	ended := make(chan error, 1)
	go func() { ended <- p.Run(os.Getenv("CONSUL_HTTP_ADDR")) }()
	t.Cleanup(func() {
		p.Stop()
		ok(t, "watch", within(t, "the end of the watch", ended))
	})
	return results
}

func TestWatchOfAKey(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "one")
	results := plan(t, map[string]interface{}{"type": "key", "key": p + "k"})
	if pair := within(t, "the first value", results).(*api.KVPair); string(pair.Value) != "one" {
		t.Fatalf("saw %+v", pair)
	}
	put(t, kv, p+"k2", "v")
	silent(t, "woken by another key", results)
	put(t, kv, p+"k", "two")
	if pair := within(t, "the change", results).(*api.KVPair); string(pair.Value) != "two" {
		t.Fatalf("saw %+v", pair)
	}
	_, err := kv.Delete(p+"k", nil)
	ok(t, "delete", err)
	if gone := within(t, "the deletion", results); gone != nil {
		t.Fatalf("saw %+v", gone)
	}
	put(t, kv, p+"k", "three")
	if pair := within(t, "the key created again", results).(*api.KVPair); string(pair.Value) != "three" {
		t.Fatalf("saw %+v", pair)
	}
}

func TestWatchOfAPrefix(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"in/a", "1")
	results := plan(t, map[string]interface{}{"type": "keyprefix", "prefix": p + "in/"})
	if pairs := within(t, "the first list", results).(api.KVPairs); len(pairs) != 1 {
		t.Fatalf("saw %+v", pairs)
	}
	put(t, kv, p+"in/b", "2")
	if pairs := within(t, "the new key", results).(api.KVPairs); len(pairs) != 2 {
		t.Fatalf("saw %+v", pairs)
	}
	_, err := kv.Delete(p+"in/a", nil)
	ok(t, "delete", err)
	if pairs := within(t, "the deletion", results).(api.KVPairs); len(pairs) != 1 || pairs[0].Key != p+"in/b" {
		t.Fatalf("saw %+v", pairs)
	}
	_, err = kv.DeleteTree(p+"in/", nil)
	ok(t, "delete the tree", err)
	if pairs, _ := within(t, "the deletion of all", results).(api.KVPairs); len(pairs) != 0 {
		t.Fatalf("saw %+v", pairs)
	}
}
