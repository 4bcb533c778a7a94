module kubekv/tests/referee/libnetwork

go 1.21

require (
	github.com/docker/libkv v0.2.1
	github.com/docker/libnetwork v0.8.0-dev.2.0.20210525090646-64b7a4574d14
	github.com/sirupsen/logrus v1.9.3
)

require (
	github.com/docker/docker v0.0.0-00010101000000-000000000000 // indirect
	github.com/ishidawataru/sctp v0.0.0-20210707070123-9a39160e9062 // indirect
	golang.org/x/sys v0.13.0 // indirect
)

// All that libnetwork's address manager wants of docker is the name of an interface.
replace github.com/docker/docker => ./plugingetter
