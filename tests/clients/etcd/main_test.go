// Package etcd drives a server that speaks etcd's v2 API with etcd's own v2
// client. Every assertion holds for etcd 3.4 with --enable-v2.
//
//	ETCD_ENDPOINT=http://127.0.0.1:2379 go test -v -count=1 ./etcd
//
// The tests run side by side. Each keeps to a directory of its own, so a server
// may be used again and again.
package etcd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v2"
)

// patience bounds every wait for something that must happen. A server is
// never failed for being slow within it.
const patience = 20 * time.Second

// quiet is how long something that must not happen is given to happen.
const quiet = 500 * time.Millisecond

func TestMain(m *testing.M) {
	if os.Getenv("ETCD_ENDPOINT") == "" {
		fmt.Fprintln(os.Stderr, "ETCD_ENDPOINT is not set: name the server under test")
		os.Exit(2)
	}
	os.Exit(m.Run())
}

func newClient(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(client.Config{Endpoints: []string{os.Getenv("ETCD_ENDPOINT")}})
	ok(t, "make a client", err)
	return c
}

func newKeys(t *testing.T) client.KeysAPI {
	t.Helper()
	return client.NewKeysAPI(newClient(t))
}

// directory returns a directory that only this run of this test uses.
func directory(t *testing.T) string {
	return fmt.Sprintf("/clients-%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano())
}

// background is the context of a request that may take as long as patience.
func background(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// ok fails the test if err is set.
func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// refused fails the test unless err is the server's error of that code with
// that cause, and names an index.
func refused(t *testing.T, what string, err error, code int, cause string) {
	t.Helper()
	var answer client.Error
	if !errors.As(err, &answer) {
		t.Fatalf("%s: %v, want error %d", what, err, code)
	}
	if answer.Code != code || answer.Cause != cause || answer.Index == 0 || answer.Message == "" {
		t.Fatalf("%s: %+v, want code %d with cause %q", what, answer, code, cause)
	}
}

// set writes a key and returns the answer.
func set(t *testing.T, keys client.KeysAPI, key, value string) *client.Response {
	t.Helper()
	r, err := keys.Set(background(t), key, value, nil)
	ok(t, "set "+key, err)
	return r
}

// get reads a key that must exist.
func get(t *testing.T, keys client.KeysAPI, key string) *client.Response {
	t.Helper()
	r, err := keys.Get(background(t), key, nil)
	ok(t, "get "+key, err)
	return r
}

// absent fails the test if the key exists.
func absent(t *testing.T, keys client.KeysAPI, key string) {
	t.Helper()
	if r, err := keys.Get(background(t), key, nil); !client.IsKeyNotFound(err) {
		t.Fatalf("get %s: %+v, %v, want no such key", key, r, err)
	}
}

// names lists the children of a node, less their directory.
func names(node *client.Node) string {
	var all []string
	for _, child := range node.Nodes {
		all = append(all, strings.TrimPrefix(child.Key, node.Key+"/"))
	}
	return strings.Join(all, " ")
}
