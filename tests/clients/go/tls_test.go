package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// Where the certificates are that tests/clients/certificates makes.
func certificate(name string) string {
	return filepath.Join(os.Getenv("DUNLIN_CERTIFICATES"), name+".pem")
}

// encrypted starts a server with these keys in its tls block, and these lines beside it.
func encrypted(t *testing.T, keys string, beside ...string) *server {
	t.Helper()
	files := `cert_file: "` + certificate("server") + `", key_file: "` + certificate("server-key") + `", `
	file := filepath.Join(t.TempDir(), "server.conf")
	config := "tls { " + files + keys + " }\n" + strings.Join(beside, "\n")
	must(t, os.WriteFile(file, []byte(config), 0o600))
	return startServer(t, "-c", file)
}

func verifying(key string) string {
	return `ca_file: "` + certificate("ca") + `", ` + key + `: true`
}

const users = "authorization { users: [{user: known.example, permissions: {publish: mine}}] }"

func trusting() nats.Option { return nats.RootCAs(certificate("ca")) }

func showing(name string) nats.Option {
	return nats.ClientCert(certificate(name), certificate(name+"-key"))
}

// exchange sends a message to itself.
func exchange(t *testing.T, nc *nats.Conn) {
	t.Helper()
	subscription, err := nc.SubscribeSync("mine")
	must(t, err)
	large := strings.Repeat("b", 1_000_000)
	publishAll(t, nc, "mine", []string{"a", large})
	expect(t, payloads(arrived(t, nc, subscription)), []string{"a", large})
}

func TestMessagesArriveEncrypted(t *testing.T) {
	nc := encrypted(t, "").connect(trusting())
	exchange(t, nc)
	if _, err := nc.TLSConnectionState(); err != nil {
		t.Fatal(err)
	}
}

func TestTheHandshakeMayComeFirst(t *testing.T) {
	exchange(t, encrypted(t, "handshake_first: true").connect(trusting(), nats.TLSHandshakeFirst()))
}

func TestTheHandshakeMayComeFirstOrNot(t *testing.T) {
	s := encrypted(t, `handshake_first: auto`)
	exchange(t, s.connect(trusting(), nats.TLSHandshakeFirst()))
	exchange(t, s.connect(trusting()))
}

func TestEncryptionMayBeAChoice(t *testing.T) {
	s := encrypted(t, "", "allow_non_tls: true")
	exchange(t, s.connect(trusting(), nats.Secure()))
	exchange(t, s.connect())
}

func TestAServerThatIsNotTrustedIsRefused(t *testing.T) {
	_, err := nats.Connect(encrypted(t, "").address)
	refused(t, err, "certificate")
}

func TestADemandedCertificateLetsIn(t *testing.T) {
	exchange(t, encrypted(t, verifying("verify")).connect(trusting(), showing("unknown")))
}

func TestWithoutADemandedCertificateNobodyIsLetIn(t *testing.T) {
	_, err := nats.Connect(encrypted(t, verifying("verify")).address, trusting())
	refused(t, err, "") // The connection may be gone before the alert is read.
}

func TestACertificateSaysWhoSomebodyIs(t *testing.T) {
	errors := make(chan error, 1)
	note := nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errors <- err })
	nc := encrypted(t, verifying("verify_and_map"), users).connect(trusting(), showing("known"), note)
	exchange(t, nc)
	publishAll(t, nc, "not.mine", []string{"a"})
	refused(t, <-errors, "permissions violation")
}

func TestACertificateOfNobodyIsRefused(t *testing.T) {
	s := encrypted(t, verifying("verify_and_map"), users)
	_, err := nats.Connect(s.address, trusting(), showing("unknown"))
	refused(t, err, "authorization violation")
}

func refused(t *testing.T, err error, why string) {
	t.Helper()
	if err == nil || !strings.Contains(strings.ToLower(err.Error()), why) {
		t.Fatalf("expected %q, got %v", why, err)
	}
}
