package sink

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
	"github.com/leakguard/leakguard/sentryhook/internal/transport"
)

// throughTransport returns a sink whose client sends through a transport of ours.
func throughTransport(t *testing.T, server *relaytest.Relay, cfg transport.Config) (*Sink, *transport.Transport) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	tr, err := transport.New(http.DefaultTransport, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.CloseIdleConnections)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN(), HTTPTransport: tr}, Config{
		ReportWait: -1, MaxAttachment: 10 << 20, MaxAttachments: 100 << 20,
	})
	return s, tr
}

// evidenceOf returns an incident with files that do not compress, of these sizes.
func evidenceOf(t *testing.T, sizes ...int) guard.Incident {
	t.Helper()
	i := testIncident(t)
	i.Artefacts = nil
	heap := profile.Heap
	for n, size := range sizes {
		name := "heap." + string(rune('a'+n)) + ".pb.gz"
		write(t, i.Folder, name, relaytest.Noise(size))
		i.Artefacts = append(i.Artefacts, incident.Artefact{Name: name, Kind: &heap, Size: int64(size)})
	}
	return i
}

// What the client's own transport has left out did not arrive, whatever the server has
// answered. A note in its place says where it is.
func TestSinkCountsWhatArrived(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := throughTransport(t, server, transport.Config{WireBytes: 100_000})
	i := evidenceOf(t, 50_000, 200_000, 60_000, 300_000)
	deliver(t, s, captured(i))
	deliver(t, s, captured(i)) // nothing is sent twice
	got := names(server.Accepted("attachment"))
	if want := []string{"heap.a.pb.gz", "left-out.txt", "heap.c.pb.gz", "left-out.txt"}; !slices.Equal(got, want) {
		t.Errorf("%q arrived, want %q", got, want)
	}
	for _, file := range server.Accepted("attachment") {
		if file.Filename == "left-out.txt" && (!strings.Contains(string(file.Body), i.Folder) || !strings.Contains(string(file.Body), "heap.")) {
			t.Errorf("the note does not name the file and its folder %s:\n%s", i.Folder, file.Body)
		}
	}
	wantStats(t, s, Stats{Events: 1, Attachments: 2, AttachmentBytes: 110_000, LeftOut: 2})
}

// By default the server says how large a file may be: what it takes arrives, and it has
// to refuse only once.
func TestSinkProbesTheServer(t *testing.T) {
	for _, c := range []struct {
		limit   int64
		arrived []string
		want    Stats
		refused int
	}{
		{0, []string{"heap.a.pb.gz", "heap.b.pb.gz", "heap.c.pb.gz", "heap.d.pb.gz"}, Stats{Events: 1, Attachments: 4}, 0},
		{4 << 20, []string{"heap.a.pb.gz", "heap.b.pb.gz", "left-out.txt", "heap.d.pb.gz"}, Stats{Events: 1, Attachments: 3, Refused: 1}, 1},
		{1 << 20, []string{"left-out.txt", "left-out.txt", "left-out.txt", "heap.d.pb.gz"}, Stats{Events: 1, Attachments: 1, LeftOut: 2, Refused: 1}, 1},
	} {
		server := relaytest.New(t, c.limit)
		s, tr := throughTransport(t, server, transport.Config{})
		deliver(t, s, captured(evidenceOf(t, 2<<20, 3<<20, 5<<20, 500_000)))
		if got := names(server.Accepted("attachment")); !slices.Equal(got, c.arrived) {
			t.Errorf("a server that takes %d bytes: %q arrived, want %q", c.limit, got, c.arrived)
		}
		wantStats(t, s, c.want)
		refused := 0
		for _, r := range server.Requests() {
			if r.Status != http.StatusOK {
				refused++
			}
		}
		if refused != c.refused {
			t.Errorf("a server that takes %d bytes: refused %d bodies, want %d: %+v", c.limit, refused, c.refused, tr.Stats().Learned)
		}
	}
}
