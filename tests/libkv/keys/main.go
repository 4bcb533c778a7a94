// Keys writes and reads keys as programs that use libkv do.
//
//	keys put STORE ADDRESS KEY=VALUE...   writes them
//	keys get STORE ADDRESS KEY...         prints KEY=VALUE of each, or KEY where it is missing
//	keys list STORE ADDRESS KEY           prints NAME=VALUE of what is directly beneath, in order
//	keys hold STORE ADDRESS KEY LOCK      writes KEY with a TTL, locks LOCK, says so, and holds both until standard input ends
//	keys churn STORE ADDRESS KEY          says so, then writes KEY over and over until standard input ends
//
// STORE is consul, etcd or zk.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"sort"
	"strings"
	"time"

	"github.com/docker/libkv"
	"github.com/docker/libkv/store"
	"github.com/docker/libkv/store/consul"
	"github.com/docker/libkv/store/etcd"
	"github.com/docker/libkv/store/zookeeper"
)

func main() {
	if len(os.Args) < 5 {
		log.Fatal("usage: keys put|get|list|hold|churn STORE ADDRESS KEY...")
	}
	consul.Register()
	etcd.Register()
	zookeeper.Register()
	config := &store.Config{ConnectionTimeout: 10 * time.Second}
	kv, err := libkv.NewStore(store.Backend(os.Args[2]), []string{os.Args[3]}, config)
	fail(err)
	given := os.Args[4:]
	switch os.Args[1] {
	case "put":
		for _, pair := range given {
			key, value, _ := strings.Cut(pair, "=")
			fail(kv.Put(key, []byte(value), nil))
		}
	case "get":
		for _, key := range given {
			pair, err := kv.Get(key)
			if err == store.ErrKeyNotFound {
				fmt.Println(key)
				continue
			}
			fail(err)
			fmt.Printf("%s=%s\n", key, pair.Value)
		}
	case "list":
		pairs, err := kv.List(given[0])
		fail(err)
		var lines []string
		for _, pair := range pairs {
			lines = append(lines, fmt.Sprintf("%s=%s", path.Base(pair.Key), pair.Value))
		}
		sort.Strings(lines)
		fmt.Println(strings.Join(lines, "\n"))
	case "hold":
		fail(kv.Put(given[0], []byte("here"), &store.WriteOptions{TTL: time.Minute}))
		lock, err := kv.NewLock(given[1], &store.LockOptions{Value: []byte("mine")})
		fail(err)
		_, err = lock.Lock(nil)
		fail(err)
		fmt.Println("held")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "churn":
		ended := make(chan struct{})
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			close(ended)
		}()
		for count := 1; ; count++ {
			fail(kv.Put(given[0], []byte(fmt.Sprint(count)), nil))
			if count == 1 {
				fmt.Println("begun")
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	default:
		log.Fatalf("there is no %q", os.Args[1])
	}
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
