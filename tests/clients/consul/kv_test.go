package consul

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/hashicorp/consul/api"
)

func TestPutGetDelete(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	absent(t, kv, p+"k")
	put(t, kv, p+"k", "one")
	first, _ := get(t, kv, p+"k")
	if first.Key != p+"k" || string(first.Value) != "one" || first.Flags != 0 || first.Session != "" || first.LockIndex != 0 {
		t.Fatalf("read %+v", first)
	}
	if first.CreateIndex == 0 || first.CreateIndex != first.ModifyIndex {
		t.Fatalf("a new key has create index %d and modify index %d", first.CreateIndex, first.ModifyIndex)
	}
	put(t, kv, p+"k", "two")
	second, _ := get(t, kv, p+"k")
	if string(second.Value) != "two" || second.CreateIndex != first.CreateIndex || second.ModifyIndex <= first.ModifyIndex {
		t.Fatalf("after an update read %+v, before it %+v", second, first)
	}
	_, err := kv.Delete(p+"k", nil)
	ok(t, "delete", err)
	absent(t, kv, p+"k")
	_, err = kv.Delete(p+"k", nil)
	ok(t, "delete what is gone", err)
	put(t, kv, p+"k", "three")
	third, _ := get(t, kv, p+"k")
	if third.CreateIndex <= second.ModifyIndex {
		t.Fatalf("a key created again has create index %d, not above %d", third.CreateIndex, second.ModifyIndex)
	}
}

func TestFlagsKeepSixtyFourBits(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	for _, flags := range []uint64{1, api.LockFlagValue, 1<<53 + 1, 1<<64 - 1} {
		_, err := kv.Put(&api.KVPair{Key: p + "k", Flags: flags}, nil)
		ok(t, "put", err)
		if pair, _ := get(t, kv, p+"k"); pair.Flags != flags {
			t.Fatalf("wrote flags %d, read %d", flags, pair.Flags)
		}
	}
}

func TestValuesAreBytes(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for _, value := range [][]byte{nil, {0}, every, []byte(`{"a":"\u0000 <&>"}`), bytes.Repeat([]byte{0xfe}, 512*1024)} {
		_, err := kv.Put(&api.KVPair{Key: p + "k", Value: value}, nil)
		ok(t, "put", err)
		if pair, _ := get(t, kv, p+"k"); !bytes.Equal(pair.Value, value) {
			t.Fatalf("wrote %d bytes, read %d others", len(value), len(pair.Value))
		}
	}
}

func TestKeysWithOddCharacters(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	for _, key := range []string{"docker/nodes/10.0.0.1:2376", "a b", "a%2Fb", "a+b", "a?b=c", "a#b", "é漢", "trail/", `"q"`} {
		put(t, kv, p+key, key)
		if pair, _ := get(t, kv, p+key); pair.Key != p+key || string(pair.Value) != key {
			t.Fatalf("wrote %q, read key %q with %q", p+key, pair.Key, pair.Value)
		}
	}
}

func TestListIsASortedPrefix(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	for _, key := range []string{"b", "a/2", "a/10", "a/", "ab", "a", "c/d/e"} {
		put(t, kv, p+key, key)
	}
	for _, c := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"a", "a/", "a/10", "a/2", "ab", "b", "c/d/e"}},
		{"a", []string{"a", "a/", "a/10", "a/2", "ab"}},
		{"a/", []string{"a/", "a/10", "a/2"}},
		{"c/d", []string{"c/d/e"}},
		{"none", nil},
	} {
		pairs, _, err := kv.List(p+c.prefix, nil)
		ok(t, "list", err)
		var got []string
		for _, pair := range pairs {
			got = append(got, pair.Key[len(p):])
			if string(pair.Value) != pair.Key[len(p):] {
				t.Fatalf("%s has value %q", pair.Key, pair.Value)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("list of %q: %q, want %q", c.prefix, got, c.want)
		}
	}
}

func TestKeysUpToASeparator(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	for _, key := range []string{"x", "a/1", "a/2", "a/b/3", "c/4", "d-5", "d-6"} {
		put(t, kv, p+key, "")
	}
	for _, c := range []struct {
		prefix, separator string
		want              []string
	}{
		{"", "", []string{"a/1", "a/2", "a/b/3", "c/4", "d-5", "d-6", "x"}},
		{"", "/", []string{"a/", "c/", "d-5", "d-6", "x"}},
		{"a/", "/", []string{"a/1", "a/2", "a/b/"}},
		{"a", "/", []string{"a/"}},
		{"", "-", []string{"a/1", "a/2", "a/b/3", "c/4", "d-", "x"}},
		{"none", "/", nil},
	} {
		keys, _, err := kv.Keys(p+c.prefix, c.separator, nil)
		ok(t, "keys", err)
		var got []string
		for _, key := range keys {
			got = append(got, key[len(p):])
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("keys of %q up to %q: %q, want %q", c.prefix, c.separator, got, c.want)
		}
	}
}

func TestDeleteTreeIsAPrefix(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	for _, key := range []string{"a", "a/1", "a/b/2", "ab", "b"} {
		put(t, kv, p+key, "")
	}
	_, err := kv.DeleteTree(p+"a/", nil)
	ok(t, "delete the tree", err)
	keys, _, err := kv.Keys(p, "", nil)
	ok(t, "keys", err)
	if want := []string{p + "a", p + "ab", p + "b"}; !reflect.DeepEqual(keys, want) {
		t.Fatalf("left %q, want %q", keys, want)
	}
}

func TestConsistencyModes(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "v")
	for _, q := range []*api.QueryOptions{{}, {RequireConsistent: true}, {AllowStale: true}, {Datacenter: ""}, {Token: "any"}} {
		pair, meta, err := kv.Get(p+"k", q)
		ok(t, "get", err)
		if pair == nil || string(pair.Value) != "v" || meta.LastIndex != pair.ModifyIndex || !meta.KnownLeader || meta.LastContact != 0 {
			t.Fatalf("with %+v read %+v and %+v", q, pair, meta)
		}
	}
	if _, _, err := kv.Get(p+"k", &api.QueryOptions{Datacenter: "nowhere"}); err == nil {
		t.Fatal("a read of an unknown datacenter succeeded")
	}
}
