package consul

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// commit runs a transaction that must succeed.
func commit(t *testing.T, kv *api.KV, ops ...*api.KVTxnOp) api.KVPairs {
	t.Helper()
	done, response, _, err := kv.Txn(ops, nil)
	ok(t, "transaction", err)
	if !done {
		t.Fatalf("rolled back: %+v", response.Errors[0])
	}
	return response.Results
}

// rollback runs a transaction that must fail, and returns its errors.
func rollback(t *testing.T, kv *api.KV, ops ...*api.KVTxnOp) api.TxnErrors {
	t.Helper()
	done, response, _, err := kv.Txn(ops, nil)
	ok(t, "transaction", err)
	if done || len(response.Errors) == 0 || len(response.Results) != 0 {
		t.Fatalf("succeeded %v with %+v", done, response)
	}
	return response.Errors
}

func op(verb api.KVOp, key string) *api.KVTxnOp {
	return &api.KVTxnOp{Verb: verb, Key: key, Value: []byte(key)}
}

func TestTxnWritesAndReadsItsOwnWrites(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	set := op(api.KVSet, p+"t/a")
	set.Flags = 1<<64 - 1
	results := commit(t, kv,
		set, op(api.KVSet, p+"t/b"), op(api.KVGet, p+"t/a"), op(api.KVGetTree, p+"t/"),
		op(api.KVDelete, p+"t/a"), op(api.KVCheckNotExists, p+"t/a"), op(api.KVGetTree, p+"t/"))
	var keys []string
	for _, result := range results {
		keys = append(keys, result.Key[len(p):])
	}
	if got, want := strings.Join(keys, " "), "t/a t/b t/a t/a t/b t/b"; got != want {
		t.Fatalf("results %q, want %q", got, want)
	}
	if len(results[0].Value) != 0 || results[0].Flags != 1<<64-1 {
		t.Fatalf("a set results in %+v: it leaves the value out", results[0])
	}
	if string(results[2].Value) != p+"t/a" {
		t.Fatalf("a get results in %+v", results[2])
	}
	for _, result := range results {
		if result.ModifyIndex != results[0].ModifyIndex || result.CreateIndex != results[0].ModifyIndex {
			t.Fatalf("one transaction has several indexes: %+v and %+v", results[0], result)
		}
	}
	absent(t, kv, p+"t/a")
	if pair, _ := get(t, kv, p+"t/b"); pair.ModifyIndex != results[0].ModifyIndex {
		t.Fatalf("read %+v", pair)
	}
}

func TestTxnRollsBackAsAWhole(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"old", "old")
	before, _ := get(t, kv, p+"old")
	stale := op(api.KVCAS, p+"old")
	stale.Index = before.ModifyIndex + 1
	errors := rollback(t, kv,
		op(api.KVSet, p+"new"), stale, op(api.KVDelete, p+"old"), op(api.KVGet, p+"none"), op(api.KVCheckNotExists, p+"old"))
	got := map[int]string{}
	for _, e := range errors {
		got[e.OpIndex] = e.What
	}
	// Every operation is tried, and each error has the index of its operation.
	if len(got) != 2 || !strings.Contains(got[1], "index is stale") || !strings.Contains(got[3], "doesn't exist") {
		t.Fatalf("errors %v", got)
	}
	absent(t, kv, p+"new")
	if after, _ := get(t, kv, p+"old"); after.ModifyIndex != before.ModifyIndex || string(after.Value) != "old" {
		t.Fatalf("rolled back, but read %+v", after)
	}
}

func TestTxnCompares(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"k", "v")
	pair, _ := get(t, kv, p+"k")
	with := func(verb api.KVOp, key string, index uint64) *api.KVTxnOp {
		o := op(verb, p+key)
		o.Index = index
		return o
	}
	commit(t, kv, with(api.KVCheckIndex, "k", pair.ModifyIndex))
	commit(t, kv, with(api.KVCAS, "new", 0))
	for what, o := range map[string]*api.KVTxnOp{
		"cas 0 of a key that is there": with(api.KVCAS, "new", 0),
		"check-index":                  with(api.KVCheckIndex, "k", pair.ModifyIndex+1),
		"check-index of nothing":       with(api.KVCheckIndex, "none", 1),
		"delete-cas":                   with(api.KVDeleteCAS, "k", pair.ModifyIndex+1),
		"check-not-exists":             with(api.KVCheckNotExists, "k", 0),
		"get of nothing":               with(api.KVGet, "none", 0),
	} {
		if errors := rollback(t, kv, o); errors[0].OpIndex != 0 || errors[0].What == "" {
			t.Errorf("%s: %+v", what, errors[0])
		}
	}
	commit(t, kv, with(api.KVDeleteCAS, "k", pair.ModifyIndex), with(api.KVDeleteTree, "new", 0))
	absent(t, kv, p+"k")
	absent(t, kv, p+"new")
}

func TestTxnLocks(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	kv := client.KV()
	one := session(t, client, &api.SessionEntry{LockDelay: time.Millisecond})
	two := session(t, client, &api.SessionEntry{LockDelay: time.Millisecond})
	with := func(verb api.KVOp, id string) *api.KVTxnOp {
		o := op(verb, p+"lock")
		o.Session = id
		return o
	}
	results := commit(t, kv, with(api.KVLock, one), with(api.KVCheckSession, one))
	if results[0].Session != one || results[0].LockIndex != 1 {
		t.Fatalf("locked, result %+v", results[0])
	}
	rollback(t, kv, with(api.KVLock, two))
	rollback(t, kv, with(api.KVUnlock, two))
	rollback(t, kv, with(api.KVCheckSession, two))
	// The write of a holder that checks its lock in the same breath.
	errors := rollback(t, kv, with(api.KVCheckSession, two), op(api.KVSet, p+"guarded"))
	if errors[0].OpIndex != 0 {
		t.Fatalf("%+v", errors[0])
	}
	absent(t, kv, p+"guarded")
	commit(t, kv, with(api.KVCheckSession, one), op(api.KVSet, p+"guarded"), with(api.KVUnlock, one))
	if pair, _ := get(t, kv, p+"lock"); pair.Session != "" || pair.LockIndex != 1 {
		t.Fatalf("unlocked, read %+v", pair)
	}
}

func TestTxnWakesEachWatcherOnce(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	put(t, kv, p+"in/a", "1")
	key, tree := park(t, p+"in/b", treeIndex(t, kv, p+"in/")), parkTree(t, p+"in/", treeIndex(t, kv, p+"in/"), true)
	results := commit(t, kv, op(api.KVSet, p+"in/b"), op(api.KVSet, p+"in/c"))
	if a := within(t, "the key", key); a.err != nil || (a.value != "" && a.index != results[0].ModifyIndex) {
		t.Fatalf("woken with %+v", a)
	}
	if a := within(t, "the prefix", tree); a.err != nil || len(a.keys) != 3 || a.index != results[0].ModifyIndex {
		t.Fatalf("woken with %+v by a transaction at %d: it must show as one change", a, results[0].ModifyIndex)
	}
}

func TestTxnOfTheGeneralClient(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)
	put(t, client.KV(), p+"k", "v")
	done, response, _, err := client.Txn().Txn(api.TxnOps{
		&api.TxnOp{KV: op(api.KVGet, p+"k")}, &api.TxnOp{KV: op(api.KVSet, p+"l")},
	}, nil)
	ok(t, "transaction", err)
	if !done || len(response.Results) != 2 || string(response.Results[0].KV.Value) != "v" {
		t.Fatalf("%v, %+v", done, response)
	}
}

func TestTxnLimits(t *testing.T) {
	t.Parallel()
	kv, p := newClient(t).KV(), prefix(t)
	var ops api.KVTxnOps
	for len(ops) < 64 {
		ops = append(ops, op(api.KVSet, p+"k"))
	}
	commit(t, kv, ops...)
	_, _, _, err := kv.Txn(append(ops, op(api.KVSet, p+"one more")), nil)
	if err == nil || !strings.Contains(err.Error(), "too many operations") {
		t.Fatalf("65 operations: %v", err)
	}
	absent(t, kv, p+"one more")
	if errors := rollback(t, kv, op(api.KVOp("explode"), p+"k")); !strings.Contains(errors[0].What, "unknown KV verb") {
		t.Fatalf("an unknown verb: %+v", errors[0])
	}
}
