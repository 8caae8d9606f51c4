package clients

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

const soon = 2 * time.Second // Many round trips, and far from the deadline a timeout would take.

// answer subscribes a responder; the server has the subscription when it returns.
func answer(t *testing.T, nc *nats.Conn, subject string, respond func(*nats.Msg) error) {
	t.Helper()
	_, err := nc.Subscribe(subject, func(message *nats.Msg) {
		if err := respond(message); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	must(t, nc.FlushTimeout(deadline))
}

func TestARequestIsAnswered(t *testing.T) {
	requester, responder := pair(t)
	answer(t, responder, "upper", func(m *nats.Msg) error {
		return m.Respond([]byte(strings.ToUpper(string(m.Data))))
	})
	reply, err := requester.Request("upper", []byte("hello"), deadline)
	must(t, err)
	expect(t, []string{string(reply.Data)}, []string{"HELLO"})
}

func TestConcurrentRequestsGetTheirOwnAnswers(t *testing.T) {
	s := startServer(t)
	answer(t, s.connect(), "echo", func(m *nats.Msg) error { return m.Respond(m.Data) })
	requesters := make([]*nats.Conn, 20)
	for index := range requesters {
		requesters[index] = s.connect()
	}
	var all sync.WaitGroup
	for index, question := range numbers(1000) {
		all.Go(func() {
			reply, err := requesters[index%len(requesters)].Request("echo", []byte(question), deadline)
			if err != nil {
				t.Error(err)
			} else if string(reply.Data) != question {
				t.Errorf("got %s, wanted %s", reply.Data, question)
			}
		})
	}
	all.Wait()
}

// Keys with more than one value, and two keys that differ in case only.
var sent = nats.Header{"Color": {"red", "green: dark, not light"}, "color": {"other"}}

func expectHeaders(t *testing.T, got nats.Header) {
	t.Helper()
	expect(t, []string{fmt.Sprint(got)}, []string{fmt.Sprint(sent)})
}

func TestHeadersWithSeveralValuesArriveWithAMessage(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription := subscribe(t, subscriber, "x")
	must(t, publisher.PublishMsg(&nats.Msg{Subject: "x", Header: sent}))
	expectHeaders(t, next(t, 1, subscription)[0].Header)
}

func TestHeadersWithSeveralValuesComeBackWithAReply(t *testing.T) {
	requester, responder := pair(t)
	answer(t, responder, "x", func(m *nats.Msg) error {
		return m.RespondMsg(&nats.Msg{Header: m.Header})
	})
	reply, err := requester.RequestMsg(&nats.Msg{Subject: "x", Header: sent}, deadline)
	must(t, err)
	expectHeaders(t, reply.Header)
}

func TestAPayloadWithHeadersIsNotTouchedByThem(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription := subscribe(t, subscriber, "x")
	must(t, publisher.PublishMsg(&nats.Msg{Subject: "x", Header: sent, Data: []byte("body\r\n")}))
	expect(t, payloads(next(t, 1, subscription)), []string{"body\r\n"})
}

func TestARequestWithoutRespondersFailsWithItsOwnError(t *testing.T) {
	requester, _ := pair(t)
	if _, err := requester.Request("nobody", nil, deadline); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("got %v", err)
	}
}

func TestARequestWithoutRespondersFailsAtOnce(t *testing.T) {
	requester, _ := pair(t)
	started := time.Now()
	_, err := requester.Request("nobody", nil, deadline)
	if took := time.Since(started); err == nil || took > soon {
		t.Errorf("%v after %v", err, took)
	}
}
