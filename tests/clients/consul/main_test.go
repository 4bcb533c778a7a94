// Package consul drives a server that speaks Consul's HTTP API with Consul's
// own Go client. Every assertion holds for Consul 1.8.7 in server mode with
// session_ttl_min = "1s".
//
//	CONSUL_HTTP_ADDR=127.0.0.1:8500 go test -v -count=1 ./consul
//
// The tests run side by side. Each keeps to a prefix of its own, so a server
// may be used again and again.
package consul

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// patience bounds every wait for something that must happen. A server is
// never failed for being slow within it.
const patience = 20 * time.Second

// quiet is how long something that must not happen is given to happen.
const quiet = 500 * time.Millisecond

func TestMain(m *testing.M) {
	if os.Getenv("CONSUL_HTTP_ADDR") == "" {
		fmt.Fprintln(os.Stderr, "CONSUL_HTTP_ADDR is not set: name the server under test")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// newClient returns a client with connections of its own, as another process
// would have. They are closed after the test: Consul takes at most 200 from one
// address.
func newClient(t *testing.T) *api.Client {
	t.Helper()
	config := api.DefaultConfig()
	client, err := api.NewClient(config)
	ok(t, "make a client", err)
	t.Cleanup(config.Transport.CloseIdleConnections)
	return client
}

// prefix returns a prefix that only this run of this test uses. It ends in "/".
func prefix(t *testing.T) string {
	return fmt.Sprintf("clients/%s-%d/", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano())
}

// ok fails the test if err is set.
func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// put writes a key.
func put(t *testing.T, kv *api.KV, key, value string) {
	t.Helper()
	_, err := kv.Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	ok(t, "put "+key, err)
}

// get reads a key that must exist, and its index.
func get(t *testing.T, kv *api.KV, key string) (*api.KVPair, *api.QueryMeta) {
	t.Helper()
	pair, meta, err := kv.Get(key, nil)
	ok(t, "get "+key, err)
	if pair == nil {
		t.Fatalf("get %s: no such key", key)
	}
	return pair, meta
}

// absent fails the test if the key exists.
func absent(t *testing.T, kv *api.KV, key string) {
	t.Helper()
	pair, _, err := kv.Get(key, nil)
	ok(t, "get "+key, err)
	if pair != nil {
		t.Fatalf("%s exists with value %q", key, pair.Value)
	}
}

// eventually asks again until yes, and fails after patience.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !yes(); {
		if time.Now().After(end) {
			t.Fatalf("waited %v for: %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// within takes one value from the channel, or its end, and fails after patience.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for: %s", patience, what)
		panic("unreachable")
	}
}

// silent fails the test if the channel says something within the quiet time.
func silent[T any](t *testing.T, what string, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Fatalf("%s: %v", what, v)
	case <-time.After(quiet):
	}
}

// session makes a session without checks, so that nothing but its TTL and its
// owner ends it, and destroys it after the test.
func session(t *testing.T, client *api.Client, entry *api.SessionEntry) string {
	t.Helper()
	id, _, err := client.Session().CreateNoChecks(entry, nil)
	ok(t, "create a session", err)
	t.Cleanup(func() { client.Session().Destroy(id, nil) })
	return id
}

// acquire tries once to take a key for a session.
func acquire(t *testing.T, kv *api.KV, key, id, value string) bool {
	t.Helper()
	taken, _, err := kv.Acquire(&api.KVPair{Key: key, Value: []byte(value), Session: id}, nil)
	ok(t, "acquire "+key, err)
	return taken
}
