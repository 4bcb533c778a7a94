package etcd

import (
	"testing"
	"time"

	"go.etcd.io/etcd/client/v2"
)

func setTTL(t *testing.T, keys client.KeysAPI, key string, o client.SetOptions) *client.Response {
	t.Helper()
	value := "v"
	if o.Dir || o.Refresh {
		value = ""
	}
	r, err := keys.Set(background(t), key, value, &o)
	ok(t, "set "+key, err)
	return r
}

func TestTTLIsTold(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	r := setTTL(t, keys, d+"/k", client.SetOptions{TTL: 100 * time.Second})
	if r.Node.TTL != 100 || r.Node.Expiration == nil {
		t.Fatalf("set with a TTL of 100: %+v", r.Node)
	}
	read := get(t, keys, d+"/k").Node
	if read.TTL < 90 || read.TTL > 100 || read.Expiration == nil || !read.Expiration.Equal(*r.Node.Expiration) {
		t.Fatalf("read %+v, set %+v", read, r.Node)
	}
	plain := set(t, keys, d+"/k", "v").Node
	if plain.TTL != 0 || plain.Expiration != nil {
		t.Fatalf("a set without a TTL leaves one: %+v", plain)
	}
}

func TestExpiryIsAnEvent(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	set(t, keys, d+"/other", "v")
	begun := time.Now()
	r := setTTL(t, keys, d+"/k", client.SetOptions{TTL: time.Second})
	event := next(t, keys.Watcher(d+"/k", &client.WatcherOptions{AfterIndex: r.Node.ModifiedIndex}))
	if lived := time.Since(begun); lived < 900*time.Millisecond {
		t.Fatalf("a key with a TTL of 1 s lived %v", lived)
	}
	if event.Action != "expire" || event.Node.Key != d+"/k" || event.Node.Value != "" || event.Node.ModifiedIndex <= r.Node.ModifiedIndex ||
		event.PrevNode == nil || event.PrevNode.Value != "v" {
		t.Fatalf("event %+v, %+v, %+v", event, event.Node, event.PrevNode)
	}
	absent(t, keys, d+"/k")
	get(t, keys, d+"/other")
}

// The whole tree goes, as one event of the directory.
func TestExpiryOfADirectory(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	setTTL(t, keys, d+"/dir", client.SetOptions{Dir: true, TTL: 2 * time.Second})
	last := set(t, keys, d+"/dir/a/b", "v").Node.ModifiedIndex
	if node := get(t, keys, d+"/dir").Node; node.TTL < 1 || node.TTL > 2 {
		t.Fatalf("read %+v", node)
	}
	tree := watchAll(t, keys, d, last)
	below := watchAll(t, keys, d+"/dir/a/b", last)
	event := within(t, "the expiry", tree)
	if event.Action != "expire" || event.Node.Key != d+"/dir" || !event.Node.Dir || !event.PrevNode.Dir {
		t.Fatalf("event %+v, %+v", event, event.Node)
	}
	if event := within(t, "the expiry, below", below); event.Action != "expire" || event.Node.Key != d+"/dir" && event.Node.Key != d+"/dir/a/b" {
		t.Fatalf("below: event %+v, %+v", event, event.Node)
	}
	silent(t, "a second event for one expiry", tree)
	absent(t, keys, d+"/dir/a/b")
	get(t, keys, d)
}

func TestTTLOfADirectoryIsUpdated(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	r := setTTL(t, keys, d+"/dir", client.SetOptions{Dir: true, TTL: time.Second})
	set(t, keys, d+"/dir/a", "v")
	r = setTTL(t, keys, d+"/dir", client.SetOptions{Dir: true, TTL: 100 * time.Second, PrevExist: client.PrevExist})
	if r.Action != "update" || r.Node.TTL != 100 || !r.Node.Dir {
		t.Fatalf("update: %+v, %+v", r, r.Node)
	}
	silent(t, "expired although it was updated", watchAll(t, keys, d, r.Node.ModifiedIndex))
	time.Sleep(1500 * time.Millisecond) // past the first TTL
	get(t, keys, d+"/dir/a")
}

// A refresh lengthens a key's life; watchers get no event.
func TestRefresh(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	r := setTTL(t, keys, d+"/k", client.SetOptions{TTL: 2 * time.Second})
	events := watchAll(t, keys, d+"/k", r.Node.ModifiedIndex)
	var refreshed *client.Response
	for i := 0; i < 4; i++ {
		time.Sleep(time.Second)
		refreshed = setTTL(t, keys, d+"/k", client.SetOptions{TTL: 2 * time.Second, PrevExist: client.PrevExist, Refresh: true})
		if refreshed.Node.Value != "v" || refreshed.Node.ModifiedIndex <= r.Node.ModifiedIndex {
			t.Fatalf("refresh: %+v, %+v", refreshed, refreshed.Node)
		}
	}
	if event := within(t, "the expiry", events); event.Action != "expire" || event.Node.ModifiedIndex <= refreshed.Node.ModifiedIndex {
		t.Fatalf("the first event is %+v, %+v", event, event.Node)
	}
	_, err := keys.Set(background(t), d+"/k", "v", &client.SetOptions{TTL: 2 * time.Second, Refresh: true, PrevExist: client.PrevExist})
	// Refused by the request alone: the client has no name for the code, and the index is 0.
	if cause, is := err.(client.Error); !is || cause.Code != 211 || cause.Index != 0 {
		t.Fatalf("refresh with a value: %v", err)
	}
	_, err = keys.Set(background(t), d+"/k", "", &client.SetOptions{TTL: 2 * time.Second, Refresh: true, PrevExist: client.PrevExist})
	refused(t, "refresh of what expired", err, client.ErrorCodeKeyNotFound, d+"/k")
}

// A swap with a TTL, as a lock's holder does it.
func TestALockIsHeldByItsTTL(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	o := client.SetOptions{PrevExist: client.PrevNoExist, TTL: 2 * time.Second}
	last := setTTL(t, keys, d+"/lock", o).Node.ModifiedIndex
	for i := 0; i < 4; i++ {
		time.Sleep(time.Second)
		last = setTTL(t, keys, d+"/lock", client.SetOptions{PrevIndex: last, TTL: 2 * time.Second}).Node.ModifiedIndex
	}
	_, err := keys.Set(background(t), d+"/lock", "other", &o)
	refused(t, "take a held lock", err, client.ErrorCodeNodeExist, d+"/lock")
	events := watchAll(t, keys, d+"/lock", err.(client.Error).Index)
	if event := within(t, "the expiry", events); event.Action != "expire" {
		t.Fatalf("event %+v, %+v", event, event.Node)
	}
	_, err = keys.Set(background(t), d+"/lock", "other", &o)
	ok(t, "take the freed lock", err)
}
