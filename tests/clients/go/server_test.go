package clients

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// What a test may wait for anything. Far above what a healthy server needs, so that only a lost event reaches it.
const deadline = 30 * time.Second

// A server under test: DUNLIN_SERVER_BIN on a free port, started, stopped and started again.
type server struct {
	t       *testing.T
	address string
	flags   []string
	ended   chan error // Gets one value when the process is gone.
	process *os.Process
}

// startServer returns a server of the test's own that accepts connections; it ends with the test.
func startServer(t *testing.T, flags ...string) *server {
	t.Helper()
	s := &server{t: t, address: freeAddress(t), flags: flags}
	s.start()
	t.Cleanup(func() { s.stop(syscall.SIGTERM) })
	return s
}

func (s *server) start() {
	s.t.Helper()
	host, port, _ := net.SplitHostPort(s.address)
	flags := append([]string{"-a", host, "-p", port}, s.flags...)
	command := exec.Command(os.Getenv("DUNLIN_SERVER_BIN"), flags...)
	if path := os.Getenv("DUNLIN_SERVER_LOG"); path != "" {
		log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		must(s.t, err)
		defer log.Close()
		command.Stdout, command.Stderr = log, log
	}
	must(s.t, command.Start())
	s.process, s.ended = command.Process, make(chan error, 1)
	go func(ended chan<- error) { ended <- command.Wait() }(s.ended)
	s.awaitListening()
}

func (s *server) awaitListening() {
	s.t.Helper()
	for giveUp := time.Now().Add(deadline); ; {
		connection, err := net.Dial("tcp", s.address)
		if err == nil {
			connection.Close()
			return
		}
		if time.Now().After(giveUp) {
			s.t.Fatalf("the server does not accept connections: %v", err)
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			s.t.Fatalf("the server ended before it listened: %v", err)
		// A port that opens sends no event: ask again, a little later.
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop returns when the process is gone.
func (s *server) stop(signal syscall.Signal) {
	s.t.Helper()
	if err := s.process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	select {
	case err := <-s.ended:
		s.ended <- err // For another stop, which finds the process gone.
	case <-time.After(deadline):
		_ = s.process.Kill()
		s.t.Error("the server did not end")
	}
}

// connect returns a connection that is closed with the test.
func (s *server) connect(options ...nats.Option) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect(s.address, options...)
	must(s.t, err)
	s.t.Cleanup(nc.Close)
	return nc
}

// pair returns a publisher and a subscriber on a server of their own.
func pair(t *testing.T) (publisher, subscriber *nats.Conn) {
	t.Helper()
	s := startServer(t)
	return s.connect(), s.connect()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer probe.Close()
	return probe.Addr().String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await returns when the event comes and fails the test when it does not.
func await(t *testing.T, event <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(deadline):
		t.Fatalf("%s did not come", what)
	}
}

func numbers(count int) []string {
	all := make([]string, count)
	for number := range all {
		all[number] = strconv.Itoa(number)
	}
	return all
}
