// Package clients holds nats.go against the server named by DUNLIN_SERVER_BIN.
package clients

import (
	"bytes"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
)

const maxPayload = 1024 * 1024 // The default of the protocol's servers, announced in INFO.

// subscribe returns a subscription that the server has.
func subscribe(t *testing.T, nc *nats.Conn, subject string) *nats.Subscription {
	t.Helper()
	subscription, err := nc.SubscribeSync(subject)
	must(t, err)
	must(t, nc.FlushTimeout(deadline))
	return subscription
}

// publishAll returns when the server has taken every message.
func publishAll(t *testing.T, nc *nats.Conn, subject string, payloads []string) {
	t.Helper()
	for _, payload := range payloads {
		must(t, nc.Publish(subject, []byte(payload)))
	}
	must(t, nc.FlushTimeout(deadline))
}

// arrived returns what the server had queued for the subscription: it comes before the PONG.
func arrived(t *testing.T, nc *nats.Conn, subscription *nats.Subscription) []*nats.Msg {
	t.Helper()
	must(t, nc.FlushTimeout(deadline))
	count, _, err := subscription.Pending()
	must(t, err)
	return next(t, count, subscription)
}

// next returns the next messages, as soon as they are here.
func next(t *testing.T, count int, subscription *nats.Subscription) []*nats.Msg {
	t.Helper()
	messages := make([]*nats.Msg, count)
	for index := range messages {
		message, err := subscription.NextMsg(deadline)
		must(t, err)
		messages[index] = message
	}
	return messages
}

func payloads(messages []*nats.Msg) []string {
	texts := make([]string, len(messages))
	for index, message := range messages {
		texts[index] = string(message.Data)
	}
	return texts
}

func expect[T comparable](t *testing.T, got, wanted []T) {
	t.Helper()
	if slices.Equal(got, wanted) {
		return
	}
	for index := range min(len(got), len(wanted)) {
		if got[index] != wanted[index] {
			t.Fatalf("got %v, wanted %v at %d of %d", got[index], wanted[index], index, len(wanted))
		}
	}
	t.Fatalf("got %d, wanted %d", len(got), len(wanted))
}

func TestAPublishedMessageReachesItsSubscriber(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription := subscribe(t, subscriber, "greet")
	must(t, publisher.Publish("greet", []byte("hello")))
	message := next(t, 1, subscription)[0]
	expect(t, []string{message.Subject, string(message.Data)}, []string{"greet", "hello"})
}

func TestAFlushIsABarrier(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription := subscribe(t, subscriber, "x")
	publishAll(t, publisher, "x", numbers(1000))
	must(t, subscriber.FlushTimeout(deadline))
	count, _, err := subscription.Pending()
	must(t, err)
	expect(t, []int{count}, []int{1000})
}

func TestAStarMatchesExactlyOneToken(t *testing.T) {
	checkMatches(t, map[string][]string{
		"a.*":   {"a.b", "a.c"},
		"*.b":   {"a.b", "b.b"},
		"a.*.c": {"a.b.c"},
		"*":     {"a"},
	})
}

func TestAFullWildcardMatchesOneOrMoreTokens(t *testing.T) {
	checkMatches(t, map[string][]string{
		"a.>":   {"a.b", "a.c", "a.b.c", "a.b.c.d"},
		">":     {"a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"},
		"*.*.>": {"a.b.c", "a.b.c.d"},
	})
}

func checkMatches(t *testing.T, matching map[string][]string) {
	t.Helper()
	for pattern, subjects := range matching {
		t.Run(pattern, func(t *testing.T) {
			publisher, subscriber := pair(t)
			subscription := subscribe(t, subscriber, pattern)
			for _, subject := range []string{"a", "a.b", "a.c", "b.b", "a.b.c", "a.b.c.d"} {
				must(t, publisher.Publish(subject, nil))
			}
			must(t, publisher.FlushTimeout(deadline))
			var matched []string
			for _, message := range arrived(t, subscriber, subscription) {
				matched = append(matched, message.Subject)
			}
			expect(t, matched, subjects)
		})
	}
}

func TestAQueueGroupHandsEachMessageToExactlyOneMember(t *testing.T) {
	together := slices.Concat(sharesOfAQueueGroup(t, numbers(600))...)
	slices.Sort(together)
	wanted := numbers(600)
	slices.Sort(wanted)
	expect(t, together, wanted)
}

func TestEveryMemberOfAQueueGroupGetsSome(t *testing.T) {
	for member, share := range sharesOfAQueueGroup(t, numbers(600)) {
		if len(share) == 0 {
			t.Errorf("member %d got nothing", member)
		}
	}
}

func sharesOfAQueueGroup(t *testing.T, messages []string) (shares [][]string) {
	t.Helper()
	s := startServer(t)
	members := []*nats.Conn{s.connect(), s.connect(), s.connect()}
	var subscriptions []*nats.Subscription
	for _, member := range members {
		subscription, err := member.QueueSubscribeSync("jobs", "workers")
		must(t, err)
		must(t, member.FlushTimeout(deadline))
		subscriptions = append(subscriptions, subscription)
	}
	publishAll(t, s.connect(), "jobs", messages)
	for index, member := range members {
		shares = append(shares, payloads(arrived(t, member, subscriptions[index])))
	}
	return shares
}

func TestNoEchoKeepsOwnMessagesAway(t *testing.T) {
	s := startServer(t)
	quiet, other := s.connect(nats.NoEcho()), s.connect()
	subscription := subscribe(t, quiet, "x")
	publishAll(t, quiet, "x", []string{"own"})
	publishAll(t, other, "x", []string{"other"})
	expect(t, payloads(arrived(t, quiet, subscription)), []string{"other"})
}

func TestAPayloadOfMaxPayloadArrivesWhole(t *testing.T) {
	publisher, subscriber := pair(t)
	subscription := subscribe(t, subscriber, "large")
	payload := make([]byte, maxPayload)
	_, _ = rand.Read(payload)
	must(t, publisher.Publish("large", payload))
	if !bytes.Equal(next(t, 1, subscription)[0].Data, payload) {
		t.Error("the payload was changed on the way")
	}
}

func TestAPayloadOverMaxPayloadIsRefused(t *testing.T) {
	publisher, _ := pair(t)
	if err := publisher.Publish("large", make([]byte, maxPayload+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("got %v", err)
	}
}

func TestManyMessagesArriveCompleteAndInOrder(t *testing.T) {
	s, messages := startServer(t), numbers(100_000)
	// Room for all of them: by default nats.go drops what is over 65536 unread messages.
	publisher, subscriber := s.connect(), s.connect(nats.SyncQueueLen(len(messages)))
	subscription := subscribe(t, subscriber, "many")
	publishAll(t, publisher, "many", messages)
	expect(t, payloads(next(t, len(messages), subscription)), messages)
}
