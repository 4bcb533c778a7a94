package etcd

import (
	"strconv"
	"testing"

	"go.etcd.io/etcd/client/v2"
)

// A client that comes late gets each event it missed, exactly, as long as no
// more than 1000 lie between. The tests that run beside this one write fewer
// than the rest.
func TestMissedEventsAreReplayed(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	const count = 300
	start := set(t, keys, d+"/start", "v").Node.ModifiedIndex
	var indexes []uint64
	for i := 0; i < count; i++ {
		indexes = append(indexes, set(t, keys, d+"/"+strconv.Itoa(i%10), strconv.Itoa(i)).Node.ModifiedIndex)
	}
	// One by one, each from its own index.
	for _, i := range []int{0, 1, count / 2, count - 1} {
		event := next(t, keys.Watcher(d, &client.WatcherOptions{AfterIndex: indexes[i] - 1, Recursive: true}))
		if event.Node.ModifiedIndex != indexes[i] || event.Node.Value != strconv.Itoa(i) {
			t.Fatalf("event %d: %+v", i, event.Node)
		}
	}
	// All of them, in order and without a gap.
	all := watchAll(t, keys, d, start)
	for i, index := range indexes {
		event := within(t, "event "+strconv.Itoa(i), all)
		if event.Node.ModifiedIndex != index || event.Node.Value != strconv.Itoa(i) || event.Action != "set" {
			t.Fatalf("event %d: %+v", i, event.Node)
		}
		if i >= 10 && (event.PrevNode == nil || event.PrevNode.Value != strconv.Itoa(i-10)) {
			t.Fatalf("event %d: previous node %+v", i, event.PrevNode)
		}
	}
	// Those of one key.
	one := watchAll(t, keys, d+"/3", start)
	for i := 3; i < count; i += 10 {
		if event := within(t, "an event of one key", one); event.Node.ModifiedIndex != indexes[i] {
			t.Fatalf("event %d: %+v", i, event.Node)
		}
	}
}

// While writes go on, a watcher that reads one event a request misses none.
func TestAWatchDuringWritesMissesNothing(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	start := set(t, keys, d+"/start", "v").Node.ModifiedIndex
	events := watchAll(t, newKeys(t), d+"/k", start)
	const count = 200
	for i := 0; i < count; i++ {
		set(t, keys, d+"/k", strconv.Itoa(i))
	}
	for i := 0; i < count; i++ {
		if event := within(t, "event "+strconv.Itoa(i), events); event.Node.Value != strconv.Itoa(i) {
			t.Fatalf("event %d: %+v", i, event.Node)
		}
	}
}
