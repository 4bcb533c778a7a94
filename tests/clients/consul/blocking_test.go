package consul

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// answer is what a blocking query came back with.
type answer struct {
	keys  []string
	value string
	index uint64
	err   error
}

// park starts a blocking query of one key.
func park(t *testing.T, key string, index uint64) <-chan answer {
	kv, c := newClient(t).KV(), make(chan answer, 1)
	go func() {
		pair, meta, err := kv.Get(key, &api.QueryOptions{WaitIndex: index, WaitTime: 2 * patience})
		a := answer{err: err}
		if err == nil {
			a.index = meta.LastIndex
		}
		if pair != nil {
			a.value = string(pair.Value)
		}
		c <- a
	}()
	return c
}

// parkTree starts a blocking query of a prefix, for entries or for keys only.
func parkTree(t *testing.T, prefix string, index uint64, keysOnly bool) <-chan answer {
	kv, c := newClient(t).KV(), make(chan answer, 1)
	q := &api.QueryOptions{WaitIndex: index, WaitTime: 2 * patience}
	go func() {
		a := answer{}
		var meta *api.QueryMeta
		if keysOnly {
			a.keys, meta, a.err = kv.Keys(prefix, "", q)
		} else {
			var pairs api.KVPairs
			pairs, meta, a.err = kv.List(prefix, q)
			for _, pair := range pairs {
				a.keys = append(a.keys, pair.Key)
			}
		}
		if a.err == nil {
			a.index = meta.LastIndex
		}
		c <- a
	}()
	return c
}

// treeIndex reads the index of a prefix.
func treeIndex(t *testing.T, kv *api.KV, prefix string) uint64 {
	t.Helper()
	_, meta, err := kv.List(prefix, nil)
	ok(t, "list", err)
	if meta.LastIndex == 0 {
		t.Fatal("the index of a prefix is 0: watchers would spin")
	}
	return meta.LastIndex
}

func TestIndexOfAKeyIsItsModifyIndex(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "v")
	put(t, kv, p+"other", "v")
	pair, meta := get(t, kv, p+"k")
	if meta.LastIndex != pair.ModifyIndex {
		t.Fatalf("index %d, modify index %d", meta.LastIndex, pair.ModifyIndex)
	}
}

func TestAParkedGetWakesForItsKeyOnly(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "one")
	_, meta := get(t, kv, p+"k")
	parked := park(t, p+"k", meta.LastIndex)
	put(t, kv, p+"other", "v")
	put(t, kv, p+"k/below", "v")
	silent(t, "woken by another key", parked)
	put(t, kv, p+"k", "two")
	a := within(t, "the change", parked)
	if a.err != nil || a.value != "two" || a.index <= meta.LastIndex {
		t.Fatalf("woken from index %d with %+v", meta.LastIndex, a)
	}
}

func TestAParkedGetWakesForCreationAndDeletion(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	index := uint64(0)
	_, meta, err := kv.Get(p+"k", nil)
	ok(t, "get", err)
	if index = meta.LastIndex; index == 0 {
		t.Fatal("the index of an absent key is 0: watchers would spin")
	}
	put(t, kv, p+"k", "new")
	if a := within(t, "the creation", park(t, p+"k", index)); a.err != nil || a.value != "new" {
		t.Fatalf("woken with %+v", a)
	}
	_, meta = get(t, kv, p+"k")
	parked := park(t, p+"k", meta.LastIndex)
	_, err = kv.Delete(p+"k", nil)
	ok(t, "delete", err)
	if a := within(t, "the deletion", parked); a.err != nil || a.value != "" || a.index <= meta.LastIndex {
		t.Fatalf("woken from index %d with %+v", meta.LastIndex, a)
	}
}

func TestAParkedGetAnswersTheSameIndexAtItsEnd(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "v")
	_, meta := get(t, kv, p+"k")
	begun := time.Now()
	pair, end, err := kv.Get(p+"k", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: time.Second})
	ok(t, "get", err)
	if time.Since(begun) < time.Second {
		t.Fatal("came back before its wait was over")
	}
	if pair == nil || end.LastIndex != meta.LastIndex {
		t.Fatalf("waited on %d, got %+v with %d", meta.LastIndex, pair, end.LastIndex)
	}
}

func TestAnOldIndexAnswersAtOnce(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "one")
	_, meta := get(t, kv, p+"k")
	put(t, kv, p+"k", "two")
	if a := within(t, "an answer", park(t, p+"k", meta.LastIndex)); a.err != nil || a.value != "two" {
		t.Fatalf("got %+v", a)
	}
}

func TestAParkedListWakes(t *testing.T) {
	t.Parallel()
	for _, keysOnly := range []bool{false, true} {
		kv, p := newClient(t).KV(), prefix(t)
		put(t, kv, p+"in/a", "1")
		index := treeIndex(t, kv, p+"in/")
		parked := parkTree(t, p+"in/", index, keysOnly)
		put(t, kv, p+"out", "1")
		silent(t, "woken by a key outside", parked)
		put(t, kv, p+"in/b", "2")
		a := within(t, "the creation", parked)
		if a.err != nil || len(a.keys) != 2 || a.index <= index {
			t.Fatalf("woken from %d with %+v", index, a)
		}
	}
}

// The deleted key may have held the highest index of its prefix: the index must
// still rise, or a watcher never hears of it.
func TestTheIndexOfAPrefixRisesWithDeletions(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"a", "1")
	put(t, kv, p+"b", "2")
	index := treeIndex(t, kv, p)
	parked := parkTree(t, p, index, false)
	_, err := kv.Delete(p+"b", nil)
	ok(t, "delete", err)
	a := within(t, "the deletion", parked)
	if a.err != nil || len(a.keys) != 1 || a.index <= index {
		t.Fatalf("woken from %d with %+v", index, a)
	}
	parked = parkTree(t, p, a.index, true)
	_, err = kv.DeleteTree(p, nil)
	ok(t, "delete the tree", err)
	last := within(t, "the deletion of the last", parked)
	if last.err != nil || len(last.keys) != 0 || last.index <= a.index {
		t.Fatalf("woken from %d with %+v", a.index, last)
	}
	if again := treeIndex(t, kv, p); again < last.index {
		t.Fatalf("the index of the empty prefix fell from %d to %d", last.index, again)
	}
}

// A hundred clients wait for one key, one write answers them all.
func TestManyParkedGetsWakeTogether(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "one")
	_, meta := get(t, kv, p+"k")
	var parked []<-chan answer
	for i := 0; i < 100; i++ {
		parked = append(parked, park(t, p+"k", meta.LastIndex))
	}
	put(t, kv, p+"k", "two")
	for _, c := range parked {
		if a := within(t, "the change", c); a.err != nil || a.value != "two" {
			t.Fatalf("woken with %+v", a)
		}
	}
}
