package clients

import (
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestAutoUnsubscribeEndsAfterMax(t *testing.T) {
	publisher, subscriber := pair(t)
	expect(t, firstThreeOfTen(t, publisher, subscriber), numbers(3))
}

func TestTheServerSendsNoMoreThanMax(t *testing.T) {
	publisher, subscriber := pair(t)
	firstThreeOfTen(t, publisher, subscriber)
	expect(t, []uint64{subscriber.Stats().InMsgs}, []uint64{3})
}

func firstThreeOfTen(t *testing.T, publisher, subscriber *nats.Conn) []string {
	t.Helper()
	subscription, err := subscriber.SubscribeSync("x")
	must(t, err)
	must(t, subscription.AutoUnsubscribe(3))
	must(t, subscriber.FlushTimeout(deadline))
	publishAll(t, publisher, "x", numbers(10))
	return payloads(arrived(t, subscriber, subscription))
}

// collect subscribes with a callback, which a drain waits for. The messages may be read when it is over.
func collect(t *testing.T, nc *nats.Conn) (*nats.Subscription, *[]string) {
	t.Helper()
	var got []string
	subscription, err := nc.Subscribe("x", func(message *nats.Msg) { got = append(got, string(message.Data)) })
	must(t, err)
	must(t, nc.FlushTimeout(deadline))
	return subscription, &got
}

func TestADrainedSubscriptionGetsAllFromBefore(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription, got := collect(t, subscriber)
	closed := make(chan struct{})
	subscription.SetClosedHandler(func(string) { close(closed) })
	publishAll(t, publisher, "x", numbers(1000))
	must(t, subscription.Drain())
	await(t, closed, "the end of the drain")
	expect(t, *got, numbers(1000))
}

func TestTheServerSendsNothingAfterADrain(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription, _ := collect(t, subscriber)
	must(t, subscription.Drain())
	must(t, subscriber.FlushTimeout(deadline)) // The UNSUB of the drain is in force.
	publishAll(t, publisher, "x", []string{"late"})
	must(t, subscriber.FlushTimeout(deadline))
	expect(t, []uint64{subscriber.Stats().InMsgs}, []uint64{0})
}

func TestADrainedConnectionGetsAllFromBefore(t *testing.T) {
	publisher, subscriber := pair(t)
	_, got := collect(t, subscriber)
	publishAll(t, publisher, "x", numbers(1000))
	drain(t, subscriber)
	expect(t, *got, numbers(1000))
}

func TestADrainedConnectionSendsAllItPublished(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription := subscribe(t, subscriber, "x")
	for _, number := range numbers(1000) {
		must(t, publisher.Publish("x", []byte(number)))
	}
	drain(t, publisher)
	expect(t, payloads(arrived(t, subscriber, subscription)), numbers(1000))
}

// drain returns when the connection is closed.
func drain(t *testing.T, nc *nats.Conn) {
	t.Helper()
	closed := make(chan struct{})
	nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	must(t, nc.Drain())
	await(t, closed, "the end of the drain")
}

func TestSubscriptionsResumeAfterARestart(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			s := startServer(t)
			publisher, publisherBack := connectPatiently(s)
			subscriber, subscriberBack := connectPatiently(s)
			subscription := subscribe(t, subscriber, "x")
			s.stop(signal)
			s.start()
			await(t, publisherBack, "the reconnect of the publisher")
			await(t, subscriberBack, "the reconnect of the subscriber")
			must(t, subscriber.FlushTimeout(deadline)) // The SUB that was sent again is in force.
			publishAll(t, publisher, "x", []string{"after"})
			expect(t, payloads(arrived(t, subscriber, subscription)), []string{"after"})
		})
	}
}

// connectPatiently returns a connection that tries again for as long as it takes, and the event that it is back.
func connectPatiently(s *server) (*nats.Conn, <-chan struct{}) {
	s.t.Helper()
	back := make(chan struct{}, 1)
	nc := s.connect(
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) {
			select {
			case back <- struct{}{}:
			default: // Once is enough.
			}
		}),
	)
	return nc, back
}
