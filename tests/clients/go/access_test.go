package clients

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	seed      = "SUACEGYQCOLDWDBWJQ4CA3PLV3UUSSJJWKDCL7UPWOQGP4PVR6ETWCY5PQ"
	otherSeed = "SUAGDQCW4RHPFGLHJQTD2LZWRUUV6IPNKVFL3YIPEQNNTQEQAQYNBY3BBM"
)

func speaks(t *testing.T, nc *nats.Conn) {
	t.Helper()
	subscription, err := nc.SubscribeSync("open.x")
	must(t, err)
	must(t, nc.Publish("open.x", []byte("hello")))
	message, err := subscription.NextMsg(deadline)
	must(t, err)
	expect(t, []string{string(message.Data)}, []string{"hello"})
}

func shutOut(t *testing.T, s *server, options ...nats.Option) {
	t.Helper()
	nc, err := nats.Connect(s.address, options...)
	if err == nil {
		nc.Close()
	}
	if !errors.Is(err, nats.ErrAuthorization) {
		t.Fatalf("refused with %v", err)
	}
}

func key(t *testing.T, seed string) nats.Option {
	t.Helper()
	path := filepath.Join(t.TempDir(), "user.nk")
	must(t, os.WriteFile(path, []byte(seed), 0o600))
	option, err := nats.NkeyOptionFromSeed(path)
	must(t, err)
	return option
}

func TestATokenLetsInAndAWrongOneDoesNot(t *testing.T) {
	s := startServer(t, "-c", "../access/token.conf")
	speaks(t, s.connect(nats.Token("t0ken")))
	shutOut(t, s, nats.Token("t0ke"))
	shutOut(t, s)
}

func TestAPasswordLetsInAndAWrongOneDoesNot(t *testing.T) {
	s := startServer(t, "-c", "../access/users.conf")
	for _, user := range []string{"joe", "ann"} {
		speaks(t, s.connect(nats.UserInfo(user, "secret")))
		shutOut(t, s, nats.UserInfo(user, "Secret"))
	}
}

func TestAKeyLetsInAndAnotherDoesNot(t *testing.T) {
	s := startServer(t, "-c", "../access/users.conf")
	speaks(t, s.connect(key(t, seed)))
	shutOut(t, s, key(t, otherSeed))
}

func TestWhatIsNotAllowedIsAnErrorAndNoMessage(t *testing.T) {
	s := startServer(t, "-c", "../access/users.conf")
	refusals := make(chan string, 2)
	note := nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refusals <- err.Error() })
	joe, low := s.connect(nats.UserInfo("joe", "secret")), s.connect(
		nats.UserInfo("low", "secret"), nats.PermissionErrOnSubscribe(true), note)
	everything, err := joe.SubscribeSync(">")
	must(t, err)
	must(t, joe.FlushTimeout(deadline))
	shut, err := low.SubscribeSync("shut")
	must(t, err)
	must(t, low.FlushTimeout(deadline))
	publishAll(t, low, "open.not", []string{"no"})
	publishAll(t, low, "open.yes", []string{"yes"})
	expect(t, payloads(arrived(t, joe, everything)), []string{"yes"})
	if _, err := shut.NextMsg(time.Second); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Fatalf("a refused subscription says %v", err)
	}
	for _, expected := range []string{`Subscription to "shut"`, `Publish to "open.not"`} {
		select {
		case refusal := <-refusals:
			if !strings.Contains(strings.ToLower(refusal), strings.ToLower(expected)) {
				t.Fatalf("%q in the place of %q", refusal, expected)
			}
		case <-time.After(deadline):
			t.Fatalf("nothing was said of %q", expected)
		}
	}
}
