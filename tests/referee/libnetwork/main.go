// The referee of the Docker guard: libnetwork's own decoders, and what a daemon does next with what they decode.
//
// Reads lines `KIND BASE64` and answers each with `ok`, `error WHY`, `panic WHY` or `hang`. A kind is network, endpoint, count,
// overlay, pools, bits or node.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/docker/libkv/store"
	"github.com/docker/libnetwork/bitseq"
	"github.com/docker/libnetwork/datastore"
	"github.com/docker/libnetwork/ipam"
	"github.com/sirupsen/logrus"

	"kubekv/tests/referee/libnetwork/decoders"
	"kubekv/tests/referee/libnetwork/overlay"
)

// How long a daemon may take; what takes longer never ends.
const patience = 20 * time.Second

func main() {
	logrus.SetOutput(io.Discard)
	in, out := bufio.NewReaderSize(os.Stdin, 1<<20), bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		kind, encoded, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			fmt.Fprintln(os.Stderr, "not base64:", err)
			os.Exit(2)
		}
		verdict := judge(kind, value)
		fmt.Fprintln(out, verdict)
		if verdict == "hang" {
			// What hangs cannot be stopped.
			return
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

func judge(kind string, value []byte) string {
	done := make(chan string, 1)
	go func() {
		defer func() {
			if why := recover(); why != nil {
				done <- "panic " + oneLine(fmt.Sprint(why))
			}
		}()
		if err := use(kind, value); err != nil {
			done <- "error " + oneLine(err.Error())
		} else {
			done <- "ok"
		}
	}()
	select {
	case verdict := <-done:
		return verdict
	case <-time.After(patience):
		return "hang"
	}
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

func use(kind string, value []byte) error {
	switch kind {
	case "network":
		return decoders.Network(value)
	case "endpoint":
		return decoders.Endpoint(value)
	case "count":
		return decoders.Count(value)
	case "overlay":
		return overlay.Network(value)
	case "pools":
		return pools(value)
	case "bits":
		return bits(value)
	case "node":
		// discovery.NewEntry.
		if len(value) == 0 {
			return nil
		}
		_, _, err := net.SplitHostPort(string(value))
		return err
	}
	fmt.Fprintln(os.Stderr, "no such kind:", kind)
	os.Exit(2)
	return nil
}

// Allots and gives back, as an address manager does.
func bits(value []byte) error {
	h := &bitseq.Handle{}
	if err := json.Unmarshal(value, h); err != nil {
		return err
	}
	h.IsSet(0)
	if ordinal, err := h.SetAny(true); err == nil {
		h.Unset(ordinal)
	}
	h.Set(0)
	h.SetAnyInRange(1, 5, false)
	h.CheckConsistency()
	h.ToByteArray()
	_ = h.String()
	return nil
}

// What a daemon does with an address space at its start, and when networks are made and removed.
func pools(value []byte) error {
	global := &records{value: value}
	allocator, err := ipam.NewAllocator(&records{}, global)
	if err != nil {
		return err
	}
	if global.err != nil {
		return global.err
	}
	id, _, _, err := allocator.RequestPool("GlobalDefault", "198.51.100.0/24", "", nil, false)
	if err == nil {
		allocator.ReleasePool(id)
	}
	var decoded struct{ Subnets map[string]json.RawMessage }
	if json.Unmarshal(value, &decoded) == nil {
		for pool := range decoded.Subnets {
			allocator.RequestAddress(pool, nil, nil)
			allocator.ReleasePool(pool)
		}
	}
	return nil
}

// A store that holds one address space, and forgets what is written.
type records struct {
	datastore.DataStore
	value []byte
	err   error
}

func (r *records) GetObject(key string, object datastore.KVObject) error {
	if r.value == nil || !strings.Contains(key, "ipam/default/config/") {
		return datastore.ErrKeyNotFound
	}
	if err := object.SetValue(r.value); err != nil {
		r.err = err
		return err
	}
	object.SetIndex(1)
	return nil
}

func (r *records) PutObjectAtomic(object datastore.KVObject) error {
	object.SetIndex(1)
	return nil
}

func (r *records) DeleteObjectAtomic(datastore.KVObject) error { return nil }
func (r *records) Scope() string                               { return datastore.GlobalScope }
func (r *records) KVStore() store.Store                        { return nil }
