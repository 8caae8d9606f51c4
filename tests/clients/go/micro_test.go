package clients

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// startService runs dunlin's example, two instances of a service "math", until the test ends. They answer when it
// returns.
func startService(t *testing.T, s *server) {
	t.Helper()
	command := exec.Command(os.Getenv("DUNLIN_SERVICE_BIN"), s.address)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	must(t, err)
	output, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		input.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	must(t, err)
	expect(t, []string{line}, []string{"ready\n"})
}

// ask returns what everybody answers on one of the subjects of services, as the official command line does: it reads
// the answers into the same types. Nothing may be in them that those types do not know.
func ask[T any](t *testing.T, nc *nats.Conn, verb micro.Verb, names ...string) []T {
	t.Helper()
	name, id := "", ""
	if len(names) > 0 {
		name = names[0]
	}
	if len(names) > 1 {
		id = names[1]
	}
	subject, err := micro.ControlSubject(verb, name, id)
	must(t, err)
	inbox := nats.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	must(t, err)
	must(t, nc.PublishRequest(subject, inbox, nil))
	count := 2
	if id != "" {
		count = 1
	}
	var all []T
	for _, message := range next(t, count, answers) {
		decoder := json.NewDecoder(strings.NewReader(string(message.Data)))
		decoder.DisallowUnknownFields()
		var one T
		must(t, decoder.Decode(&one))
		all = append(all, one)
	}
	return all
}

func TestTheOfficialTypesReadWhoIsThere(t *testing.T) {
	s := startServer(t)
	startService(t, s)
	nc := s.connect()
	for _, names := range [][]string{nil, {"math"}} {
		pings := ask[micro.Ping](t, nc, micro.PingVerb, names...)
		zones := []string{}
		for _, ping := range pings {
			expect(t, []string{ping.Type, ping.Name, ping.Version}, []string{micro.PingResponseType, "math", "1.2.3"})
			zones = append(zones, ping.Metadata["zone"])
		}
		slices.Sort(zones)
		expect(t, zones, []string{"north", "south"})
		one := ask[micro.Ping](t, nc, micro.PingVerb, "math", pings[0].ID)
		expect(t, []string{one[0].ID}, []string{pings[0].ID})
	}
}

func TestTheOfficialTypesReadWhatItIs(t *testing.T) {
	s := startServer(t)
	startService(t, s)
	for _, info := range ask[micro.Info](t, s.connect(), micro.InfoVerb, "math") {
		expect(t, []string{info.Type, info.Description}, []string{micro.InfoResponseType, "doubles numbers"})
		expect(t, []int{len(info.Endpoints)}, []int{1})
		endpoint := info.Endpoints[0]
		expect(t, []string{endpoint.Name, endpoint.Subject, endpoint.QueueGroup, endpoint.Metadata["unit"]},
			[]string{"double", "v1.double", micro.DefaultQueueGroup, "none"})
	}
}

func TestTheOfficialTypesReadWhatItHasDone(t *testing.T) {
	began := time.Now()
	s := startServer(t)
	startService(t, s)
	nc := s.connect()
	for _, number := range numbers(10) {
		reply, err := nc.Request("v1.double", []byte(number), deadline)
		must(t, err)
		expect(t, []string{reply.Header.Get(micro.ErrorHeader)}, []string{""})
	}
	refused, err := nc.Request("v1.double", []byte("x"), deadline)
	must(t, err)
	expect(t, []string{refused.Header.Get(micro.ErrorCodeHeader)}, []string{"400"})
	description := refused.Header.Get(micro.ErrorHeader)
	requests, failures := 0, 0
	// An instance counts a request when it has answered it: the last one may be a moment late.
	for giveUp := time.Now().Add(deadline); requests < 11 && time.Now().Before(giveUp); {
		requests, failures = 0, 0
		for _, stats := range ask[micro.Stats](t, nc, micro.StatsVerb, "math") {
			expect(t, []string{stats.Type}, []string{micro.StatsResponseType})
			if stats.Started.Before(began.Add(-time.Second)) || stats.Started.After(time.Now().Add(time.Second)) {
				t.Fatalf("started at %v", stats.Started)
			}
			endpoint := stats.Endpoints[0]
			expect(t, []string{endpoint.Name, endpoint.Subject, string(endpoint.Data)},
				[]string{"double", "v1.double", `{"depth":3}`})
			if endpoint.NumRequests > 0 {
				expect(t, []time.Duration{endpoint.AverageProcessingTime},
					[]time.Duration{endpoint.ProcessingTime / time.Duration(endpoint.NumRequests)})
			}
			if endpoint.NumErrors > 0 {
				expect(t, []string{endpoint.LastError}, []string{"400:" + description})
			}
			requests += endpoint.NumRequests
			failures += endpoint.NumErrors
		}
	}
	expect(t, []int{requests, failures}, []int{11, 1})
}

func TestNobodyAnswersForAServiceThatIsNotThere(t *testing.T) {
	s := startServer(t)
	startService(t, s)
	subject, err := micro.ControlSubject(micro.PingVerb, "physics", "")
	must(t, err)
	if _, err := s.connect().Request(subject, nil, deadline); !errors.Is(err, nats.ErrNoResponders) {
		t.Fatalf("somebody answers: %v", err)
	}
}
