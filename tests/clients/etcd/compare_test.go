package etcd

import (
	"fmt"
	"strconv"
	"sync"
	"testing"

	"go.etcd.io/etcd/client/v2"
)

func TestCompareAndSwap(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	swap := func(o client.SetOptions) (*client.Response, error) {
		return keys.Set(background(t), d+"/k", "new", &o)
	}
	_, err := swap(client.SetOptions{PrevIndex: 1})
	refused(t, "swap of nothing", err, client.ErrorCodeKeyNotFound, d)
	r := set(t, keys, d+"/k", "old")
	wrong := r.Node.ModifiedIndex + 1
	byIndex := fmt.Sprintf("[%d != %d]", wrong, r.Node.ModifiedIndex)
	_, err = swap(client.SetOptions{PrevIndex: wrong})
	refused(t, "wrong index", err, client.ErrorCodeTestFailed, byIndex)
	_, err = swap(client.SetOptions{PrevValue: "else"})
	refused(t, "wrong value", err, client.ErrorCodeTestFailed, "[else != old]")
	_, err = swap(client.SetOptions{PrevValue: "else", PrevIndex: wrong})
	refused(t, "both wrong", err, client.ErrorCodeTestFailed, "[else != old] "+byIndex)
	_, err = swap(client.SetOptions{PrevValue: "old", PrevIndex: wrong})
	refused(t, "one wrong", err, client.ErrorCodeTestFailed, byIndex)
	s, err := swap(client.SetOptions{PrevIndex: r.Node.ModifiedIndex})
	ok(t, "swap by index", err)
	if s.Action != "compareAndSwap" || s.Node.Value != "new" || s.PrevNode.Value != "old" || s.Node.CreatedIndex != r.Node.CreatedIndex {
		t.Fatalf("swap: %+v, %+v", s, s.Node)
	}
	_, err = swap(client.SetOptions{PrevValue: "new"})
	ok(t, "swap by value", err)
	now := get(t, keys, d+"/k").Node.ModifiedIndex
	_, err = swap(client.SetOptions{PrevValue: "new", PrevIndex: now, PrevExist: client.PrevExist})
	ok(t, "swap by all", err)
	_, err = swap(client.SetOptions{PrevExist: client.PrevNoExist})
	refused(t, "create over it", err, client.ErrorCodeNodeExist, d+"/k")
}

func TestCompareAndDelete(t *testing.T) {
	t.Parallel()
	keys, d := newKeys(t), directory(t)
	remove := func(o client.DeleteOptions) (*client.Response, error) {
		return keys.Delete(background(t), d+"/k", &o)
	}
	r := set(t, keys, d+"/k", "v")
	wrong := r.Node.ModifiedIndex + 1
	_, err := remove(client.DeleteOptions{PrevIndex: wrong})
	refused(t, "wrong index", err, client.ErrorCodeTestFailed, fmt.Sprintf("[%d != %d]", wrong, r.Node.ModifiedIndex))
	_, err = remove(client.DeleteOptions{PrevValue: "else"})
	refused(t, "wrong value", err, client.ErrorCodeTestFailed, "[else != v]")
	gone, err := remove(client.DeleteOptions{PrevIndex: r.Node.ModifiedIndex, PrevValue: "v"})
	ok(t, "delete", err)
	if gone.Action != "compareAndDelete" || gone.PrevNode.Value != "v" || gone.Node.ModifiedIndex <= r.Node.ModifiedIndex {
		t.Fatalf("delete: %+v, %+v", gone, gone.Node)
	}
	_, err = remove(client.DeleteOptions{PrevIndex: r.Node.ModifiedIndex})
	refused(t, "delete what is gone", err, client.ErrorCodeKeyNotFound, d+"/k")
	_, err = keys.Delete(background(t), d, &client.DeleteOptions{PrevValue: "v"})
	refused(t, "compare a directory", err, client.ErrorCodeNotFile, d)
}

// Eight clients count one key up. A lost update would leave it short.
func TestCompareAndSwapUnderContention(t *testing.T) {
	t.Parallel()
	key := directory(t) + "/counter"
	const clients, each = 8, 10
	set(t, newKeys(t), key, "0")
	var wait sync.WaitGroup
	for c := 0; c < clients; c++ {
		keys := newKeys(t)
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; n < each; {
				r, err := keys.Get(background(t), key, &client.GetOptions{Quorum: true})
				if err != nil {
					t.Errorf("get: %v", err)
					return
				}
				count, _ := strconv.Atoi(r.Node.Value)
				_, err = keys.Set(background(t), key, strconv.Itoa(count+1), &client.SetOptions{PrevIndex: r.Node.ModifiedIndex})
				if cause, is := err.(client.Error); is && cause.Code == client.ErrorCodeTestFailed {
					continue
				}
				if err != nil {
					t.Errorf("swap: %v", err)
					return
				}
				n++
			}
		}()
	}
	wait.Wait()
	if r := get(t, newKeys(t), key); r.Node.Value != strconv.Itoa(clients*each) {
		t.Fatalf("%d increments left the counter at %s", clients*each, r.Node.Value)
	}
}

// Many create one key; one of them wins.
func TestOneCreatorWins(t *testing.T) {
	t.Parallel()
	key := directory(t) + "/k"
	won := make(chan string, 20)
	var wait sync.WaitGroup
	for c := 0; c < 20; c++ {
		keys, value := newKeys(t), strconv.Itoa(c)
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, err := keys.Create(background(t), key, value)
			if err == nil {
				won <- value
			} else if cause, is := err.(client.Error); !is || cause.Code != client.ErrorCodeNodeExist {
				t.Errorf("create: %v", err)
			}
		}()
	}
	wait.Wait()
	if len(won) != 1 {
		t.Fatalf("%d created the key", len(won))
	}
	if winner, r := <-won, get(t, newKeys(t), key); r.Node.Value != winner {
		t.Fatalf("%s created the key, it holds %s", winner, r.Node.Value)
	}
}
