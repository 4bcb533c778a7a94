package consul

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// newSemaphore makes a contender for one of the places under a prefix.
func newSemaphore(t *testing.T, client *api.Client, prefix string, places int) (*api.Semaphore, string) {
	t.Helper()
	id := session(t, client, &api.SessionEntry{Behavior: api.SessionBehaviorDelete, LockDelay: time.Millisecond})
	semaphore, err := client.SemaphoreOpts(&api.SemaphoreOptions{Prefix: prefix, Limit: places, Session: id})
	ok(t, "make a semaphore", err)
	return semaphore, id
}

// enter takes a place, which must be free.
func enter(t *testing.T, semaphore *api.Semaphore) <-chan struct{} {
	t.Helper()
	lost, err := semaphore.Acquire(nil)
	ok(t, "acquire", err)
	if lost == nil {
		t.Fatal("no place was given")
	}
	return lost
}

// enterLater waits for a place in the background.
func enterLater(semaphore *api.Semaphore) <-chan error {
	entered := make(chan error, 1)
	go func() {
		lost, err := semaphore.Acquire(nil)
		if err == nil && lost == nil {
			err = api.ErrSemaphoreNotHeld
		}
		entered <- err
	}()
	return entered
}

func TestSemaphoreOfTwoPlacesHoldsTwoOfThree(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)+"sem"
	one, _ := newSemaphore(t, client, p, 2)
	two, _ := newSemaphore(t, newClient(t), p, 2)
	three, _ := newSemaphore(t, newClient(t), p, 2)
	enter(t, one)
	enter(t, two)
	entered := enterLater(three)
	silent(t, "three are in two places", entered)
	if err := one.Destroy(); err != api.ErrSemaphoreHeld {
		t.Fatalf("destroy while held: %v", err)
	}
	ok(t, "release", one.Release())
	ok(t, "acquire", within(t, "the third holder", entered))
	if err := one.Release(); err != api.ErrSemaphoreNotHeld {
		t.Fatalf("release twice: %v", err)
	}
	if err := one.Destroy(); err != api.ErrSemaphoreInUse {
		t.Fatalf("destroy while others hold it: %v", err)
	}
	ok(t, "release", two.Release())
	ok(t, "release", three.Release())
	eventually(t, "the end of the contenders' keys", func() bool {
		keys, _, err := client.KV().Keys(p, "", nil)
		return err == nil && len(keys) == 1
	})
	ok(t, "destroy", one.Destroy())
}

func TestSemaphoreLossFreesAPlace(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)+"sem"
	one, id := newSemaphore(t, client, p, 2)
	two, _ := newSemaphore(t, newClient(t), p, 2)
	three, _ := newSemaphore(t, newClient(t), p, 2)
	lostOne, lostTwo := enter(t, one), enter(t, two)
	entered := enterLater(three)
	silent(t, "three are in two places", entered)
	_, err := newClient(t).Session().Destroy(id, nil)
	ok(t, "destroy", err)
	within(t, "the loss of the place", lostOne)
	ok(t, "acquire", within(t, "the next holder", entered))
	silent(t, "the other holder lost its place too", lostTwo)
	ok(t, "release", two.Release())
	ok(t, "release", three.Release())
}

func TestSemaphoreLimitsMustAgree(t *testing.T) {
	t.Parallel()
	client, p := newClient(t), prefix(t)+"sem"
	one, _ := newSemaphore(t, client, p, 2)
	enter(t, one)
	other, _ := newSemaphore(t, client, p, 3)
	if _, err := other.Acquire(nil); err == nil || !strings.Contains(err.Error(), "limit conflict") {
		t.Fatalf("acquire with another limit: %v", err)
	}
	ok(t, "release", one.Release())
}

// Five contend for two places. Never are three inside.
func TestSemaphoreContention(t *testing.T) {
	t.Parallel()
	p := prefix(t) + "sem"
	var inside, turns int32
	var wait sync.WaitGroup
	for c := 0; c < 5; c++ {
		semaphore, _ := newSemaphore(t, newClient(t), p, 2)
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; n < 3; n++ {
				if lost, err := semaphore.Acquire(nil); err != nil || lost == nil {
					t.Errorf("acquire: %v", err)
					return
				}
				if atomic.AddInt32(&inside, 1) > 2 {
					t.Error("three are inside")
				}
				time.Sleep(10 * time.Millisecond)
				atomic.AddInt32(&inside, -1)
				atomic.AddInt32(&turns, 1)
				if err := semaphore.Release(); err != nil {
					t.Errorf("release: %v", err)
					return
				}
			}
		}()
	}
	wait.Wait()
	if turns != 15 {
		t.Fatalf("%d turns of 15", turns)
	}
}
