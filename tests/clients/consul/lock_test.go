package consul

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// newLock makes a lock whose session leaves no lock-delay worth waiting for.
func newLock(t *testing.T, client *api.Client, key string) (*api.Lock, string) {
	t.Helper()
	id := session(t, client, &api.SessionEntry{LockDelay: time.Millisecond})
	lock, err := client.LockOpts(&api.LockOptions{Key: key, Value: []byte("held"), Session: id})
	ok(t, "make a lock", err)
	return lock, id
}

// hold takes the lock, which must be free.
func hold(t *testing.T, lock *api.Lock) <-chan struct{} {
	t.Helper()
	lost, err := lock.Lock(nil)
	ok(t, "lock", err)
	if lost == nil {
		t.Fatal("the lock was not taken")
	}
	return lost
}

func TestLockUnlockDestroy(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	lock, id := newLock(t, client, key)
	if err := lock.Unlock(); err != api.ErrLockNotHeld {
		t.Fatalf("unlock before lock: %v", err)
	}
	lost := hold(t, lock)
	pair, _ := get(t, client.KV(), key)
	if pair.Session != id || pair.Flags != api.LockFlagValue || string(pair.Value) != "held" {
		t.Fatalf("read %+v", pair)
	}
	if _, err := lock.Lock(nil); err != api.ErrLockHeld {
		t.Fatalf("lock twice: %v", err)
	}
	if err := lock.Destroy(); err != api.ErrLockHeld {
		t.Fatalf("destroy while held: %v", err)
	}
	silent(t, "a held lock was reported as lost", lost)
	ok(t, "unlock", lock.Unlock())
	within(t, "the end of the lock's monitor", lost)
	ok(t, "destroy", lock.Destroy())
	absent(t, client.KV(), key)
}

// The lock makes its own session and renews it: the form most programs use.
func TestLockKeyWithItsOwnSession(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	lock, err := client.LockOpts(&api.LockOptions{Key: key, SessionTTL: "1s", SessionName: "mine"})
	ok(t, "make a lock", err)
	lost := hold(t, lock)
	select {
	case <-lost:
		t.Fatal("the lock did not outlive its session's TTL: it was not renewed")
	case <-time.After(4 * time.Second):
	}
	pair, _ := get(t, client.KV(), key)
	info, _, err := client.Session().Info(pair.Session, nil)
	ok(t, "info", err)
	if info == nil || info.Name != "mine" || info.TTL != "1s" {
		t.Fatalf("the session of the lock: %+v", info)
	}
	ok(t, "unlock", lock.Unlock())
	ok(t, "destroy", lock.Destroy())
	eventually(t, "the end of the lock's session", func() bool {
		info, _, err := client.Session().Info(pair.Session, nil)
		return err == nil && info == nil
	})
}

func TestLockWaitsForTheHolder(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	first, _ := newLock(t, client, key)
	second, _ := newLock(t, newClient(t), key)
	hold(t, first)
	taken := make(chan error, 1)
	go func() {
		lost, err := second.Lock(nil)
		if err == nil && lost == nil {
			err = api.ErrLockNotHeld
		}
		taken <- err
	}()
	silent(t, "two hold the lock", taken)
	bystander, _ := newLock(t, client, key)
	if err := bystander.Destroy(); err != api.ErrLockInUse {
		t.Fatalf("destroy of a lock that another holds: %v", err)
	}
	ok(t, "unlock", first.Unlock())
	ok(t, "lock", within(t, "the second holder", taken))
	if err := first.Destroy(); err != api.ErrLockInUse {
		t.Fatalf("destroy of a lock that another holds: %v", err)
	}
	ok(t, "unlock", second.Unlock())
}

func TestLockTryOnceGivesUp(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	first, _ := newLock(t, client, key)
	hold(t, first)
	second, err := client.LockOpts(&api.LockOptions{
		Key: key, LockTryOnce: true, LockWaitTime: time.Second,
		Session: session(t, client, &api.SessionEntry{}),
	})
	ok(t, "make a lock", err)
	lost, err := second.Lock(nil)
	ok(t, "lock", err)
	if lost != nil {
		t.Fatal("two hold the lock")
	}
	ok(t, "unlock", first.Unlock())
}

func TestLockCanBeAborted(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	first, _ := newLock(t, client, key)
	hold(t, first)
	second, _ := newLock(t, newClient(t), key)
	stop, taken := make(chan struct{}), make(chan bool, 1)
	go func() {
		lost, err := second.Lock(stop)
		taken <- lost != nil || err != nil
	}()
	silent(t, "the wait ended by itself", taken)
	close(stop)
	// The client notices when its parked query ends, so end that one.
	_, err := client.KV().Put(&api.KVPair{Key: key, Flags: api.LockFlagValue}, nil)
	ok(t, "put", err)
	if within(t, "the end of the wait", taken) {
		t.Fatal("an aborted wait took the lock")
	}
}

func TestLockRefusesAKeyOfOthers(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	id := session(t, client, &api.SessionEntry{})
	if !acquire(t, client.KV(), key, id, "not a lock") {
		t.Fatal("a free key was refused")
	}
	lock, _ := newLock(t, client, key)
	if _, err := lock.Lock(nil); err != api.ErrLockConflict {
		t.Fatalf("lock of a key without the lock's flag: %v", err)
	}
}

// The holder must hear of each way in which its lock can be lost.
func TestLockLoss(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(client *api.Client, key, id string) error{
		"session destroyed": func(client *api.Client, _, id string) error {
			_, err := client.Session().Destroy(id, nil)
			return err
		},
		"key deleted": func(client *api.Client, key, _ string) error {
			_, err := client.KV().Delete(key, nil)
			return err
		},
		"key released": func(client *api.Client, key, id string) error {
			_, _, err := client.KV().Release(&api.KVPair{Key: key, Session: id, Flags: api.LockFlagValue}, nil)
			return err
		},
	} {
		name, lose := name, lose
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, key := newClient(t), prefix(t)+"lock"
			lock, id := newLock(t, client, key)
			lost := hold(t, lock)
			put(t, client.KV(), key+"/other", "v")
			silent(t, "a held lock was reported as lost", lost)
			ok(t, "lose the lock", lose(newClient(t), key, id))
			within(t, "the loss of the lock", lost)
		})
	}
}

// A holder that died: nobody renews, the TTL frees the lock for the one waiting.
func TestLockOfADeadHolder(t *testing.T) {
	t.Parallel()
	client, key := newClient(t), prefix(t)+"lock"
	dead := session(t, client, &api.SessionEntry{TTL: "1s", LockDelay: time.Millisecond})
	if taken, _, err := client.KV().Acquire(&api.KVPair{Key: key, Session: dead, Flags: api.LockFlagValue}, nil); err != nil || !taken {
		t.Fatalf("acquire: %v, %v", taken, err)
	}
	lock, _ := newLock(t, newClient(t), key)
	hold(t, lock)
	ok(t, "unlock", lock.Unlock())
}

// Five contend. Never are two inside, and each gets its turn.
func TestLockContention(t *testing.T) {
	t.Parallel()
	key := prefix(t) + "lock"
	var inside, turns int32
	var wait sync.WaitGroup
	for c := 0; c < 5; c++ {
		lock, _ := newLock(t, newClient(t), key)
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; n < 3; n++ {
				if lost, err := lock.Lock(nil); err != nil || lost == nil {
					t.Errorf("lock: %v", err)
					return
				}
				if atomic.AddInt32(&inside, 1) != 1 {
					t.Error("two are inside")
				}
				time.Sleep(10 * time.Millisecond)
				atomic.AddInt32(&inside, -1)
				atomic.AddInt32(&turns, 1)
				if err := lock.Unlock(); err != nil {
					t.Errorf("unlock: %v", err)
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
