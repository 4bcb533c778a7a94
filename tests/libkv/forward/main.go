// Command forward copies bytes between a listener and an address.
//
//	forward NETWORK ADDRESS NETWORK ADDRESS
//
// It listens on the first pair and dials the second for every connection it
// accepts. A network is "tcp" or "unix". Two of them joined by a unix socket
// lead out of a network namespace, because such a socket is found by its path
// and not by its namespace.
package main

import (
	"io"
	"log"
	"net"
	"os"
)

// closer is the half of a connection that says "no more bytes from me".
type closer interface{ CloseWrite() error }

func main() {
	log.SetFlags(0)
	log.SetPrefix("forward: ")
	if len(os.Args) != 5 {
		log.Fatal("usage: forward NETWORK ADDRESS NETWORK ADDRESS")
	}
	listener, err := net.Listen(os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go join(conn, os.Args[3], os.Args[4])
	}
}

// join carries one connection until both directions have ended.
func join(conn net.Conn, network, address string) {
	defer conn.Close()
	target, err := net.Dial(network, address)
	if err != nil {
		log.Print(err)
		return
	}
	defer target.Close()
	done := make(chan struct{})
	go func() {
		half(target, conn)
		close(done)
	}()
	half(conn, target)
	<-done
}

// half copies one direction and passes its end on. An end by error closes the
// other side too: a client that hung up must not leave a poll parked.
func half(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if c, ok := to.(closer); ok {
		c.CloseWrite()
	}
}
