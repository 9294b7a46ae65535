package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/internal/testenv"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

func TestChooseAttachments(t *testing.T) {
	heap, goroutine, cpu := profile.Heap, profile.Goroutine, profile.CPU
	files := []incident.Artefact{
		{Name: "cpu.pb.gz", Kind: &cpu, Size: 10},
		{Name: "heap-base.pb.gz", Kind: &heap, Size: 40},
		{Name: "heap.pb.gz", Kind: &heap, Size: 50},
		{Name: "goroutine.txt", Size: 30},
		{Name: "goroutine-base.pb.gz", Kind: &goroutine, Size: 20},
		{Name: "goroutine.pb.gz", Kind: &goroutine, Size: 30},
		{Name: "report.html", Size: 15},
		{Name: "report.md", Size: 5},
		{Name: "report.txt", Size: 5},
	}
	all := evidenceBudget{each: 1000, all: 1000, number: 30, labels: true}
	but := func(change func(*evidenceBudget)) evidenceBudget { b := all; change(&b); return b }
	for _, tt := range []struct {
		name   string
		budget evidenceBudget
		sent   []string // before
		want   string
		leave  string
	}{
		{"all", all, nil, "report.txt report.html goroutine.pb.gz goroutine-base.pb.gz goroutine.txt heap.pb.gz heap-base.pb.gz cpu.pb.gz", ""},
		{"what is new", all, []string{"report.txt", "heap.pb.gz", "cpu.pb.gz", "goroutine.txt"}, "report.html goroutine.pb.gz goroutine-base.pb.gz heap-base.pb.gz", ""},
		{"no labels", but(func(b *evidenceBudget) { b.labels = false }), nil, "report.txt report.html goroutine.pb.gz goroutine-base.pb.gz heap.pb.gz heap-base.pb.gz cpu.pb.gz", "goroutine.txt"},
		{"each", but(func(b *evidenceBudget) { b.each = 30 }), nil, "report.txt report.html goroutine.pb.gz goroutine-base.pb.gz goroutine.txt cpu.pb.gz", "heap.pb.gz heap-base.pb.gz"},
		// What does not fit whole makes room for what comes after it.
		{"in all", but(func(b *evidenceBudget) { b.all = 65 }), nil, "report.txt report.html goroutine.pb.gz cpu.pb.gz", "goroutine-base.pb.gz goroutine.txt heap.pb.gz heap-base.pb.gz"},
		{"number", but(func(b *evidenceBudget) { b.number = 2 }), nil, "report.txt report.html", "goroutine.pb.gz goroutine-base.pb.gz goroutine.txt heap.pb.gz heap-base.pb.gz cpu.pb.gz"},
		{"nothing", but(func(b *evidenceBudget) { b.all = 0 }), nil, "", "report.txt report.html goroutine.pb.gz goroutine-base.pb.gz goroutine.txt heap.pb.gz heap-base.pb.gz cpu.pb.gz"},
	} {
		sent := make(map[string]bool)
		for _, n := range tt.sent {
			sent[n] = true
		}
		send, leave := choose(files, sent, tt.budget)
		var got, left []string
		for _, a := range send {
			got = append(got, a.Name)
		}
		for _, l := range leave {
			left = append(left, l.Name)
		}
		if strings.Join(got, " ") != tt.want || strings.Join(left, " ") != tt.leave {
			t.Errorf("%s:\n%q, want\n%q\nleft out %q, want %q", tt.name, got, tt.want, left, tt.leave)
		}
	}
}

func TestSinkBudgets(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{ReportWait: -1, MaxAttachment: 20_000, MaxAttachments: 30_000})
	i := testIncident(t)
	i.Artefacts = nil
	heap := profile.Heap
	for name, size := range map[string]int{"heap.pb.gz": 15_000, "heap-base.pb.gz": 19_000, "huge.txt": 20_001} {
		a := incident.Artefact{Name: name, Size: int64(size)}
		if strings.HasPrefix(name, "heap") {
			a.Kind = &heap
		}
		write(t, i.Folder, name, make([]byte, size))
		i.Artefacts = append(i.Artefacts, a)
	}
	deliver(t, s, captured(i))
	if got := names(server.Accepted("attachment")); !slices.Equal(got, []string{"heap.pb.gz"}) {
		t.Errorf("attached %q, want what fits", got)
	}
	event := string(server.Accepted("event")[0].Body)
	for _, want := range []string{"not sent: larger than 19.5 KiB", "the incident's budget is used up"} {
		if !strings.Contains(event, want) {
			t.Errorf("the event does not say %q: %s", want, event)
		}
	}
	wantStats(t, s, Stats{Events: 1, Attachments: 1, AttachmentBytes: 15_000, LeftOut: 2})
}

// What is not a regular file in the incident's folder is not sent, and the event is sent
// all the same.
func TestSinkReadsOnlyTheFolder(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{ReportWait: -1})
	i := testIncident(t)
	if err := os.Symlink(outside, filepath.Join(i.Folder, "link.txt")); err != nil {
		testenv.Need(t, false, "symbolic links: "+err.Error())
	}
	if err := os.Mkdir(filepath.Join(i.Folder, "folder.txt"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"link.txt", "folder.txt", "missing.txt", "../outside", outside} {
		i.Artefacts = append(i.Artefacts, incident.Artefact{Name: name, Size: 10})
	}
	deliver(t, s, captured(i))
	if got := names(server.Accepted("attachment")); !slices.Equal(got, []string{"goroutine.pb.gz", "heap.pb.gz"}) {
		t.Errorf("attached %q", got)
	}
	wantStats(t, s, Stats{Events: 1, Attachments: 2, LeftOut: 5})
	wantListed(t, server, map[string]string{
		"goroutine.pb.gz": "", "heap.pb.gz": "", "link.txt": "not a regular file", "folder.txt": "not a regular file",
		"missing.txt": "not readable", "../outside": "not readable", outside: "not readable",
	})
}

// wantListed checks what the event says of each file: why it is not sent, or nothing for
// one that is attached.
func wantListed(t *testing.T, server *relaytest.Relay, want map[string]string) {
	t.Helper()
	var event struct {
		Contexts map[string]map[string]string
	}
	if err := json.Unmarshal(server.Accepted("event")[0].Body, &event); err != nil && event.Contexts["evidence"] == nil {
		t.Fatal(err)
	}
	for name, why := range want {
		said := event.Contexts["evidence"][name]
		if said == "" || (why == "") == strings.Contains(said, "not sent") || !strings.Contains(said, why) {
			t.Errorf("the event says %q of %s, want %q", said, name, why)
		}
	}
}

func TestSinkStripsLabels(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{StripLabels: true})
	i := testIncident(t)
	write(t, i.Folder, "goroutine.pb.gz", labelled(t, 5))
	write(t, i.Folder, "goroutine.txt", []byte(secret))
	i.Artefacts = append(i.Artefacts, incident.Artefact{Name: "goroutine.txt", Size: 20})
	writeReport(t, i)
	write(t, i.Folder, "report.html", []byte("user="+secret))
	deliver(t, s, captured(i))
	files := server.Accepted("attachment")
	if got := names(files); !slices.Equal(got, []string{"goroutine.pb.gz", "heap.pb.gz"}) {
		t.Errorf("attached %q, want the profiles alone", got)
	}
	for _, f := range files {
		if bytes.Contains(unpacked(t, f.Body), []byte(secret)) {
			t.Errorf("%s has a label", f.Filename)
		}
	}
	// The event says so, and lists nothing as attached that is not.
	wantListed(t, server, map[string]string{
		"goroutine.pb.gz": "", "heap.pb.gz": "", "goroutine.txt": "it may contain labels",
		"report.txt": "it may contain labels", "report.html": "it may contain labels",
	})
	// The event has the report's headline all the same.
	if event := string(server.Accepted("event")[0].Body); !strings.Contains(event, testHeadline) {
		t.Errorf("the event has no headline: %s", event)
	}

	// Where there are none, the reports go.
	i = testIncident(t)
	i.ID = "another"
	clean, _, err := stripLabels(labelled(t, 5))
	if err != nil {
		t.Fatal(err)
	}
	write(t, i.Folder, "goroutine.pb.gz", clean)
	writeReport(t, i)
	deliver(t, s, captured(i))
	if got, want := names(server.Accepted("attachment"))[2:], []string{"report.txt", "report.html", "goroutine.pb.gz", "heap.pb.gz"}; !slices.Equal(got, want) {
		t.Errorf("attached %q, want %q", got, want)
	}
}

func TestStrippingNeedsRoom(t *testing.T) {
	server := relaytest.New(t, 0)
	s, _ := newTestSink(t, sentry.ClientOptions{Dsn: server.DSN()}, Config{StripLabels: true, ReportWait: -1})
	i := testIncident(t)
	i.Reading.Unreclaimable = i.Reading.Limit - 1000
	writeReport(t, i)
	deliver(t, s, captured(i))
	if got := server.Accepted("attachment"); len(got) != 0 {
		t.Errorf("attached %q without room to strip them", names(got))
	}
	noRoom := "too little memory is left to strip its labels"
	wantListed(t, server, map[string]string{
		"goroutine.pb.gz": noRoom, "heap.pb.gz": noRoom, "report.txt": "it may contain labels", "report.html": "it may contain labels",
	})
	i.ID = "another"
	again := captured(i)
	again.Redelivered = true // the reading is not of this process
	if err := s.Deliver(context.Background(), again); err != nil {
		t.Error(err)
	}
	if got := server.Accepted("attachment"); len(got) == 0 {
		t.Error("nothing attached after the next start")
	}
}
