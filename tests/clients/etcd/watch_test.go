package etcd

import (
	"context"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v2"
)

// next takes one event from a watcher.
func next(t *testing.T, watcher client.Watcher) *client.Response {
	t.Helper()
	event, err := watcher.Next(background(t))
	ok(t, "watch", err)
	return event
}

// watchAll sends every event of a tree after an index until the test's end.
func watchAll(t *testing.T, keys client.KeysAPI, key string, after uint64) <-chan *client.Response {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	events, watcher := make(chan *client.Response, 2000), keys.Watcher(key, &client.WatcherOptions{AfterIndex: after, Recursive: true})
	go func() {
		for {
			event, err := watcher.Next(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				t.Errorf("watch %s: %v", key, err)
				return
			}
			events <- event
		}
	}()
	return events
}

func within(t *testing.T, what string, events <-chan *client.Response) *client.Response {
	t.Helper()
	select {
	case event := <-events:
		return event
	case <-time.After(patience):
		t.Fatalf("waited %v for: %s", patience, what)
		panic("unreachable")
	}
}

func silent(t *testing.T, what string, events <-chan *client.Response) {
	t.Helper()
	select {
	case event := <-events:
		t.Fatalf("%s: %+v, %+v", what, event, event.Node)
	case <-time.After(quiet):
	}
}

// Each kind of write is an event with its action and the previous node.
func TestEventsOfEachKind(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	start := set(t, keys, d+"/start", "v").Node.ModifiedIndex
	key := d + "/k"
	set(t, keys, key, "1")
	set(t, keys, key, "2")
	_, err := keys.Update(background(t), key, "3")
	ok(t, "update", err)
	_, err = keys.Set(background(t), key, "4", &client.SetOptions{PrevValue: "3"})
	ok(t, "swap", err)
	_, err = keys.Delete(background(t), key, &client.DeleteOptions{PrevValue: "4"})
	ok(t, "compare and delete", err)
	_, err = keys.Create(background(t), key, "5")
	ok(t, "create", err)
	_, err = keys.Delete(background(t), key, nil)
	ok(t, "delete", err)
	events, index := watchAll(t, keys, key, start), start
	for _, want := range []struct{ action, value, before string }{
		{"set", "1", ""}, {"set", "2", "1"}, {"update", "3", "2"}, {"compareAndSwap", "4", "3"},
		{"compareAndDelete", "", "4"}, {"create", "5", ""}, {"delete", "", "5"},
	} {
		event := within(t, want.action, events)
		before := ""
		if event.PrevNode != nil {
			before = event.PrevNode.Value
		}
		if event.Action != want.action || event.Node.Value != want.value || before != want.before || event.Node.Key != key {
			t.Fatalf("%+v: event %+v, %+v, %+v", want, event, event.Node, event.PrevNode)
		}
		if event.Node.ModifiedIndex <= index {
			t.Fatalf("index %d after %d", event.Node.ModifiedIndex, index)
		}
		index = event.Node.ModifiedIndex
	}
	silent(t, "one event too many", events)
}

func TestAParkedWatchWakesForItsKeyOnly(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	start := set(t, keys, d+"/start", "v").Node.ModifiedIndex
	got := make(chan *client.Response, 1)
	go func() {
		event, err := newKeys(t).Watcher(d+"/k", &client.WatcherOptions{AfterIndex: start}).Next(background(t))
		if err != nil {
			t.Errorf("watch: %v", err)
		}
		got <- event
	}()
	set(t, keys, d+"/k2", "v")
	set(t, keys, d+"/x/k", "v")
	silent(t, "woken by another key", got)
	r := set(t, keys, d+"/k", "v")
	if event := within(t, "the event", got); event == nil || event.Node.ModifiedIndex != r.Node.ModifiedIndex {
		t.Fatalf("event %+v", event)
	}
}

func TestARecursiveWatchSeesTheTreeOnly(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	start := set(t, keys, d+"/start", "v").Node.ModifiedIndex
	events := watchAll(t, keys, d+"/in", start)
	set(t, keys, d+"/inside", "no")
	set(t, keys, d+"/in/_hidden", "no")
	set(t, keys, d+"/in/_dir/k", "no")
	set(t, keys, d+"/in/a/b", "yes")
	if event := within(t, "the event", events); event.Node.Key != d+"/in/a/b" {
		t.Fatalf("event %+v, %+v", event, event.Node)
	}
	// A hidden key is watched by its name.
	hidden := watchAll(t, keys, d+"/in/_hidden", start)
	if event := within(t, "the hidden key's event", hidden); event.Node.Value != "no" {
		t.Fatalf("event %+v, %+v", event, event.Node)
	}
}

// Who watches a key hears that a directory above it went.
func TestRemovalOfATreeWakesThoseBelow(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	set(t, keys, d+"/dir/a/b", "v")
	// From now on, not from history: history knows the directory's event only.
	parked := make(chan *client.Response, 1)
	begin := get(t, keys, d+"/dir/a/b").Index
	go func() {
		event, err := newKeys(t).Watcher(d+"/dir/a/b", &client.WatcherOptions{AfterIndex: begin}).Next(background(t))
		if err != nil {
			t.Errorf("watch: %v", err)
		}
		parked <- event
	}()
	tree := watchAll(t, keys, d, begin)
	silent(t, "woken without a change", parked)
	_, err := keys.Delete(background(t), d+"/dir", &client.DeleteOptions{Recursive: true})
	ok(t, "delete the tree", err)
	if event := within(t, "the removal, below", parked); event == nil || event.Action != "delete" {
		t.Fatalf("event %+v", event)
	}
	event := within(t, "the removal", tree)
	if event.Action != "delete" || event.Node.Key != d+"/dir" || !event.Node.Dir {
		t.Fatalf("event %+v, %+v", event, event.Node)
	}
	silent(t, "a second event for one removal", tree)
}

// A watch after a deletion sees the key created again, not the deletion again.
func TestAWatchGoesOnAfterADeletion(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	r := set(t, keys, d+"/k", "one")
	watcher := keys.Watcher(d+"/k", &client.WatcherOptions{AfterIndex: r.Node.ModifiedIndex})
	_, err := keys.Delete(background(t), d+"/k", nil)
	ok(t, "delete", err)
	if event := next(t, watcher); event.Action != "delete" || event.Node.Value != "" {
		t.Fatalf("event %+v, %+v", event, event.Node)
	}
	made := make(chan *client.Response, 1)
	go func() {
		event, err := watcher.Next(background(t))
		if err != nil {
			t.Errorf("watch: %v", err)
		}
		made <- event
	}()
	silent(t, "woken without a change", made)
	set(t, keys, d+"/k", "two")
	if event := within(t, "the key created again", made); event == nil || event.Action != "set" || event.Node.Value != "two" {
		t.Fatalf("event %+v", event)
	}
}

func TestManyWatchersWakeTogether(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	start := set(t, keys, d+"/start", "v").Node.ModifiedIndex
	var all []<-chan *client.Response
	for i := 0; i < 100; i++ {
		all = append(all, watchAll(t, newKeys(t), d+"/k", start))
	}
	r := set(t, keys, d+"/k", "v")
	for _, events := range all {
		if event := within(t, "the event", events); event.Node.ModifiedIndex != r.Node.ModifiedIndex {
			t.Fatalf("event %+v", event.Node)
		}
	}
}
