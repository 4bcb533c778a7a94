package etcd

import (
	"strings"
	"testing"

	"go.etcd.io/etcd/client/v2"
)

func TestSetGetDelete(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	absent(t, keys, d+"/k")
	r := set(t, keys, d+"/k", "one")
	if r.Action != "set" || r.PrevNode != nil || r.Node.Key != d+"/k" || r.Node.Value != "one" || r.Node.Dir {
		t.Fatalf("set: %+v, %+v", r, r.Node)
	}
	if r.Node.CreatedIndex == 0 || r.Node.CreatedIndex != r.Node.ModifiedIndex || r.Index < r.Node.ModifiedIndex || r.ClusterID == "" {
		t.Fatalf("set: %+v, %+v", r, r.Node)
	}
	again := set(t, keys, d+"/k", "one")
	if again.Node.ModifiedIndex <= r.Node.ModifiedIndex || again.Node.CreatedIndex != again.Node.ModifiedIndex {
		t.Fatalf("a set creates the key again, even of an equal value: %+v", again.Node)
	}
	if again.PrevNode == nil || again.PrevNode.Value != "one" || again.PrevNode.ModifiedIndex != r.Node.ModifiedIndex {
		t.Fatalf("set again: previous node %+v", again.PrevNode)
	}
	read := get(t, keys, d+"/k")
	if read.Action != "get" || read.Node.Value != "one" || read.Node.ModifiedIndex != again.Node.ModifiedIndex || read.PrevNode != nil {
		t.Fatalf("get: %+v, %+v", read, read.Node)
	}
	gone, err := keys.Delete(background(t), d+"/k", nil)
	ok(t, "delete", err)
	if gone.Action != "delete" || gone.Node.Value != "" || gone.PrevNode == nil || gone.PrevNode.Value != "one" ||
		gone.Node.ModifiedIndex <= read.Node.ModifiedIndex || gone.Node.CreatedIndex != read.Node.CreatedIndex {
		t.Fatalf("delete: %+v, %+v, %+v", gone, gone.Node, gone.PrevNode)
	}
	absent(t, keys, d+"/k")
	_, err = keys.Delete(background(t), d+"/k", nil)
	refused(t, "delete what is gone", err, client.ErrorCodeKeyNotFound, d+"/k")
}

func TestCreateAndUpdate(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	_, err := keys.Update(background(t), d+"/k", "x")
	// The first part of the path that is missing is to blame.
	refused(t, "update what is not there", err, client.ErrorCodeKeyNotFound, d)
	r, err := keys.Create(background(t), d+"/k", "one")
	ok(t, "create", err)
	if r.Action != "create" || r.Node.Value != "one" {
		t.Fatalf("create: %+v, %+v", r, r.Node)
	}
	_, err = keys.Create(background(t), d+"/k", "x")
	refused(t, "create twice", err, client.ErrorCodeNodeExist, d+"/k")
	u, err := keys.Update(background(t), d+"/k", "two")
	ok(t, "update", err)
	if u.Action != "update" || u.Node.Value != "two" || u.PrevNode.Value != "one" || u.Node.CreatedIndex != r.Node.CreatedIndex || u.Node.ModifiedIndex <= r.Node.ModifiedIndex {
		t.Fatalf("update: %+v, %+v", u, u.Node)
	}
}

func TestNoValueOnSuccess(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	r, err := keys.Set(background(t), d+"/k", "v", &client.SetOptions{NoValueOnSuccess: true})
	ok(t, "set", err)
	if r.Node != nil || r.PrevNode != nil || r.Action != "set" {
		t.Fatalf("a set that asked for no value: %+v", r)
	}
	q, err := keys.Get(background(t), d+"/k", &client.GetOptions{Quorum: true})
	ok(t, "get", err)
	if q.Node.Value != "v" {
		t.Fatalf("read %+v", q.Node)
	}
}

func TestValuesAreText(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	for _, value := range []string{"", "a b&c=d+e%20;f", "line\nline\r\n", `{"a":"<&>\u0000"}`, "é漢\U0001F433", strings.Repeat("x", 1<<20)} {
		set(t, keys, d+"/k", value)
		if r := get(t, keys, d+"/k"); r.Node.Value != value || r.Node.Dir {
			t.Fatalf("wrote %d bytes, read %d others", len(value), len(r.Node.Value))
		}
	}
}

func TestKeysWithOddCharacters(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	for _, key := range []string{"10.0.0.1:2376", "a b", "a+b", "a?b=c", "a#b", "é漢", `"q"`, "100%"} {
		set(t, keys, d+"/"+key, key)
		if r := get(t, keys, d+"/"+key); r.Node.Key != d+"/"+key || r.Node.Value != key {
			t.Fatalf("wrote %q, read %+v", key, r.Node)
		}
	}
	// The end's slash is no part of a key.
	if r := set(t, keys, d+"/slash/", "v"); r.Node.Key != d+"/slash" || get(t, keys, d+"/slash").Node.Value != "v" {
		t.Fatalf("wrote %+v", r.Node)
	}
}

func TestTheRootIsReadOnly(t *testing.T) {
	t.Parallel()
	keys := newKeys(t)
	if r := get(t, keys, "/"); !r.Node.Dir || r.Node.ModifiedIndex != 0 {
		t.Fatalf("read %+v", r.Node)
	}
	_, err := keys.Set(background(t), "/", "v", nil)
	refused(t, "set the root", err, client.ErrorCodeRootROnly, "/")
	_, err = keys.Delete(background(t), "/", &client.DeleteOptions{Recursive: true, Dir: true})
	refused(t, "delete the root", err, client.ErrorCodeRootROnly, "/")
}
