// Package top runs nats-top, unchanged, against a server: what it reads of the monitoring pages it must understand,
// and show what the connections did. Everything is expected of nats-server as well, whose own types nats-top reads with.
package top

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What a test may wait for anything. Far above what a healthy server needs, so that only a lost event reaches it.
const deadline = 30 * time.Second

// What nats-top shows of each of the connections below, in the order of their numbers.
var shown = []map[string]string{
	{"NAME": "publisher", "SUBS": "0", "PENDING": "0", "MSGS_TO": "0", "MSGS_FROM": "1000", "BYTES_TO": "0",
		"BYTES_FROM": "128000", "LANG": "wire", "VERSION": "1.2.3", "SUBSCRIPTIONS": ""},
	{"NAME": "reader", "SUBS": "2", "PENDING": "0", "MSGS_TO": "1000", "MSGS_FROM": "0", "BYTES_TO": "128000",
		"BYTES_FROM": "0", "LANG": "wire", "VERSION": "1.2.3", "SUBSCRIPTIONS": "idle load.>"},
	{"NAME": "a <b> & c", "SUBS": "1", "PENDING": "0", "MSGS_TO": "0", "MSGS_FROM": "0", "BYTES_TO": "0",
		"BYTES_FROM": "0", "LANG": "wire", "VERSION": "1.2.3", "SUBSCRIPTIONS": "other.*"},
}

func TestNatsTopShowsWhatConnectionsDid(t *testing.T) {
	for name, program := range servers() {
		t.Run(name, func(t *testing.T) {
			s := start(t, program)
			s.work()
			page := s.top(t, "-l", ";", "-b", "-u")
			head, rows := split(t, page)
			if !strings.Contains(head, "Connections Polled:;3\n") {
				t.Errorf("three connections: %s", head)
			}
			for _, line := range []string{
				"In:;Msgs:;1000;Bytes:;128000;", "Out:;Msgs:;1000;Bytes:;128000;", "Slow Consumers:;0\n",
			} {
				if !strings.Contains(head, line) {
					t.Errorf("%q is not in %s", line, head)
				}
			}
			for at, row := range rows {
				for column, expected := range shown[at] {
					if row[column] != expected {
						t.Errorf("%s of connection %d: %q, not %q", column, at, row[column], expected)
					}
				}
				if _, err := time.ParseDuration(row["UPTIME"]); err != nil {
					t.Errorf("uptime of connection %d: %v", at, err)
				}
				if _, _, err := net.SplitHostPort(row["HOST"]); err != nil {
					t.Errorf("host of connection %d: %v", at, err)
				}
			}
		})
	}
}

func TestNatsTopSortsByEveryColumn(t *testing.T) {
	for name, program := range servers() {
		t.Run(name, func(t *testing.T) {
			s := start(t, program)
			s.work()
			for sort, first := range map[string]string{
				"cid": "publisher", "subs": "reader", "msgs_from": "publisher", "msgs_to": "reader",
				"bytes_from": "publisher", "bytes_to": "reader", "start": "publisher", "pending": "", "last": "",
				"idle": "", "uptime": "",
			} {
				_, rows := split(t, s.top(t, "-l", ";", "-u", "-sort", sort))
				if len(rows) != len(shown) || first != "" && rows[0]["NAME"] != first {
					t.Errorf("sorted by %s: %v", sort, rows)
				}
			}
			_, rows := split(t, s.top(t, "-l", ";", "-u", "-n", "1"))
			if len(rows) != 1 {
				t.Errorf("one connection: %v", rows)
			}
			for _, row := range shown { // The screen as a person sees it.
				if screen := s.top(t, "-u"); !strings.Contains(screen, row["NAME"]) {
					t.Errorf("%s is not on %s", row["NAME"], screen)
				}
			}
		})
	}
}

// servers are the server under test and, where there is one, the one that nats-top was written for.
func servers() map[string]string {
	found := map[string]string{"tested": os.Getenv("DUNLIN_SERVER_BIN")}
	if reference := os.Getenv("DUNLIN_NATS_SERVER"); reference != "" {
		found["reference"] = reference
	}
	return found
}

type server struct {
	t             *testing.T
	port, monitor string
}

// start returns a server of the test's own, monitored; it ends with the test.
func start(t *testing.T, program string) *server {
	t.Helper()
	s := &server{t: t, port: freePort(t), monitor: freePort(t)}
	command := exec.Command(program, "-a", "127.0.0.1", "-p", s.port, "-m", s.monitor)
	if path := os.Getenv("DUNLIN_SERVER_LOG"); path != "" {
		log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		must(t, err)
		defer log.Close()
		command.Stdout, command.Stderr = log, log
	}
	must(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(deadline):
			_ = command.Process.Kill()
			t.Error("the server did not end")
		}
	})
	for _, port := range []string{s.port, s.monitor} {
		for giveUp := time.Now().Add(deadline); ; time.Sleep(10 * time.Millisecond) { // A port that opens sends no event.
			connection, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err == nil {
				connection.Close()
				break
			}
			if time.Now().After(giveUp) {
				t.Fatalf("the server does not accept connections: %v", err)
			}
		}
	}
	return s
}

// work opens the connections of `shown`, and has them do what it says; they stay until the test ends.
func (s *server) work() {
	s.t.Helper()
	publisher := s.connect("publisher")
	reader := s.connect("reader", "load.>", "idle")
	s.connect("a <b> & c", "other.*")
	publisher.send(strings.Repeat(fmt.Sprintf("PUB load.1 128\r\n%0128d\r\n", 0), 1000))
	publisher.barrier()
	for range 1000 {
		reader.line("MSG load.1 1 128")
		reader.line("")
	}
}

type client struct {
	t      *testing.T
	stream net.Conn
	input  *bufio.Reader
}

func (s *server) connect(name string, subjects ...string) *client {
	s.t.Helper()
	stream, err := net.Dial("tcp", "127.0.0.1:"+s.port)
	must(s.t, err)
	s.t.Cleanup(func() { stream.Close() })
	c := &client{s.t, stream, bufio.NewReader(stream)}
	must(s.t, stream.SetDeadline(time.Now().Add(deadline)))
	c.line("")
	c.send(fmt.Sprintf("CONNECT {\"verbose\":false,\"name\":%q,\"lang\":\"wire\",\"version\":\"1.2.3\"}\r\n", name))
	for sid, subject := range subjects {
		c.send(fmt.Sprintf("SUB %s %d\r\n", subject, sid+1))
	}
	c.barrier()
	return c
}

func (c *client) send(text string) {
	c.t.Helper()
	_, err := c.stream.Write([]byte(text))
	must(c.t, err)
}

// line reads a line, which must be `expected` unless that is empty.
func (c *client) line(expected string) {
	c.t.Helper()
	line, err := c.input.ReadString('\n')
	must(c.t, err)
	if line = strings.TrimSpace(line); expected != "" && line != expected {
		c.t.Fatalf("%q came, not %q", line, expected)
	}
}

// barrier returns when the server has done all it was sent.
func (c *client) barrier() {
	c.t.Helper()
	c.send("PING\r\n")
	c.line("PONG")
}

// top returns what nats-top prints; it must have nothing to complain of.
func (s *server) top(t *testing.T, flags ...string) string {
	t.Helper()
	flags = append([]string{"-s", "127.0.0.1", "-m", s.monitor, "-o", "-"}, flags...)
	command := exec.Command("target/nats-top", flags...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	page, err := command.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	first, _, _ := strings.Cut(string(page), "\n") // What it could not read stands behind the uptime.
	if !strings.HasSuffix(strings.TrimRight(first, "; "), ")") {
		t.Errorf("it complains: %s", first)
	}
	return string(page)
}

// split returns what stands above the connections, and those by column.
func split(t *testing.T, page string) (string, []map[string]string) {
	t.Helper()
	head, table, found := strings.Cut(page, "HOST;")
	if !found {
		t.Fatalf("no connections: %s", page)
	}
	lines := csv.NewReader(strings.NewReader("HOST;" + table))
	lines.Comma, lines.LazyQuotes = ';', true
	lines.FieldsPerRecord = -1
	all, err := lines.ReadAll()
	must(t, err)
	var rows []map[string]string
	for _, line := range all[1:] {
		row := map[string]string{}
		for at, column := range all[0] {
			if at < len(line) {
				row[column] = line[at]
			}
		}
		subjects := strings.Fields(row["SUBSCRIPTIONS"]) // In no order, nats-server's are.
		slices.Sort(subjects)
		row["SUBSCRIPTIONS"] = strings.Join(subjects, " ")
		rows = append(rows, row)
	}
	return head, rows
}

func freePort(t *testing.T) string {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer probe.Close()
	_, port, _ := net.SplitHostPort(probe.Addr().String())
	return port
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
