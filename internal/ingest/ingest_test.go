package ingest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const id = "9ec79c33ec9942ab8353589fcb2e04dc"

const goodProfile = `{"version":"1","event_id":"` + id + `","platform":"go","timestamp":"2026-11-20T10:15:30Z",
"device":{"architecture":"amd64"},"os":{"name":"linux","version":""},
"transaction":{"id":"` + id + `","name":"GET /","trace_id":"` + id + `","active_thread_id":1},
"profile":{"frames":[{"function":"f"}],"stacks":[[0],[]],"samples":[
{"elapsed_since_start_ns":0,"stack_id":1,"thread_id":1},
{"elapsed_since_start_ns":1000,"stack_id":0,"thread_id":1},
{"elapsed_since_start_ns":"2000","stack_id":0,"thread_id":"1"},
{"elapsed_since_start_ns":2000,"stack_id":0,"thread_id":7},
{"elapsed_since_start_ns":3000,"stack_id":1,"thread_id":1}]}}`

const goodTransaction = `{"type":"transaction","start_timestamp":1,"timestamp":2,"contexts":{"trace":{"trace_id":"` + id + `","span_id":"00f067aa0ba902b7"}}}`

type raw struct{ kind, payload string }

func envelope(items ...raw) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\"event_id\":%q}\n", id)
	for _, it := range items {
		fmt.Fprintf(&b, "{\"type\":%q,\"length\":%d,\"filename\":\"a.txt\"}\n%s\n", it.kind, len(it.payload), it.payload)
	}
	return b.Bytes()
}

func post(t *testing.T, s *Server, body []byte, encoding string) Received {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/1/envelope/", bytes.NewReader(body))
	if encoding != "" {
		r.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	all := s.Received()
	got := all[len(all)-1]
	if w.Code != got.Status {
		t.Errorf("answered %d, noted %d", w.Code, got.Status)
	}
	return got
}

func blanks(n int) string { return `{"a":"` + strings.Repeat(" ", n-8) + `"}` }

func TestEnvelopes(t *testing.T) {
	attachments := make([]raw, MaxAttachmentCount+1)
	for i := range attachments {
		attachments[i] = raw{"attachment", "x"}
	}
	for name, c := range map[string]struct {
		body   []byte
		status int
		why    string
	}{
		"transaction and profile": {envelope(raw{"transaction", goodTransaction}, raw{"profile", goodProfile}), 200, ""},
		"without a length":        {[]byte("{}\n{\"type\":\"event\"}\n{}\n\n"), 200, ""},
		"no item":                 {[]byte("{}"), 200, ""},
		"unknown item":            {envelope(raw{"novelty", blanks(2 << 20)}), 200, ""},
		"event at its limit":      {envelope(raw{"event", blanks(MaxEvent)}), 200, ""},
		"event over its limit":    {envelope(raw{"event", blanks(MaxEvent + 1)}), 413, "'event'"},
		"two transactions":        {envelope(raw{"transaction", "{}"}, raw{"transaction", "{}"}), 413, "'transaction'"},
		"event and transaction":   {envelope(raw{"transaction", "{}"}, raw{"event", "{}"}), 413, "'event'"},
		"31 attachments":          {envelope(attachments...), 413, "'attachment'"},
		"30 attachments":          {envelope(attachments[1:]...), 200, ""},
		"empty":                   {nil, 400, "envelope header"},
		"not an envelope":         {[]byte("hello"), 400, "envelope header"},
		"cut short":               {envelope(raw{"event", "{}"})[:len(envelope(raw{"event", "{}"}))-3], 400, "but 0 are left"},
		"too long":                {append(envelope(raw{"event", "{}"})[:len(envelope(raw{"event", "{}"}))-1], "x\n"...), 400, "more than the 2 bytes"},
		"negative length":         {[]byte("{}\n{\"type\":\"event\",\"length\":-1}\n{}\n"), 400, "-1 bytes"},
		"no type":                 {[]byte("{}\n{\"length\":2}\n{}\n"), 400, "no type"},
	} {
		got := post(t, new(Server), c.body, "")
		if got.Status != c.status || !strings.Contains(got.Why, c.why) || c.why == "" && got.Why != "" {
			t.Errorf("%s: %d %q, want %d and %q", name, got.Status, got.Why, c.status, c.why)
		}
		if got.Status == 200 && got.Raw != int64(len(c.body)) {
			t.Errorf("%s: %d bytes, want %d", name, got.Raw, len(c.body))
		}
	}
}

func TestSizes(t *testing.T) {
	for name, c := range map[string]struct {
		items []Item
		why   string
	}{
		"all at their limits":    {[]Item{{Type: "transaction", Bytes: MaxEvent}, {Type: "profile", Bytes: MaxProfile}, {Type: "attachment", Bytes: MaxAttachments}}, ""},
		"profile over its limit": {[]Item{{Type: "profile", Bytes: MaxProfile + 1}}, "'profile'"},
		"chunk over its limit":   {[]Item{{Type: "profile_chunk", Bytes: MaxProfile + 1}}, "'profile_chunk'"},
		"attachments in sum":     {[]Item{{Type: "attachment", Bytes: 60 << 20}, {Type: "attachment", Bytes: 150 << 20}}, "'attachment'"},
	} {
		err := checkSizes(c.items)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %q", name, err, c.why)
		}
	}
}

func TestEncodings(t *testing.T) {
	plain := envelope(raw{"event", blanks(10_000)})
	var zipped, deflated, bomb bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain)
	z.Close()
	d := zlib.NewWriter(&deflated)
	d.Write(plain)
	d.Close()
	b := gzip.NewWriter(&bomb)
	b.Write([]byte("{}\n{\"type\":\"attachment\"}\n"))
	zeros := make([]byte, 1<<20)
	for range MaxEnvelope>>20 + 1 {
		b.Write(zeros)
	}
	b.Close()
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		most     int64
		status   int
	}{
		"plain":                   {plain, "", 0, 200},
		"gzip":                    {zipped.Bytes(), "gzip", 0, 200},
		"gzip through a proxy":    {zipped.Bytes(), "gzip", int64(zipped.Len()), 200},
		"proxy":                   {plain, "", int64(len(plain)) - 1, 413},
		"deflate":                 {deflated.Bytes(), "deflate", 0, 200},
		"gzip cut short":          {zipped.Bytes()[:zipped.Len()-9], "gzip", 0, 400},
		"not gzip":                {plain, "gzip", 0, 400},
		"an encoding of its own":  {plain, "rot13", 0, 415},
		"larger than an envelope": {bomb.Bytes(), "gzip", 1 << 20, 413},
	} {
		s := &Server{WireBytes: c.most}
		got := post(t, s, c.body, c.encoding)
		if got.Status != c.status {
			t.Errorf("%s: %d %s, want %d", name, got.Status, got.Why, c.status)
		}
		if got.Status == 200 && (got.Wire != int64(len(c.body)) || got.Raw != int64(len(plain))) {
			t.Errorf("%s: %d bytes on the wire and %d: want %d and %d", name, got.Wire, got.Raw, len(c.body), len(plain))
		}
	}
}

func TestWithoutAnnouncement(t *testing.T) {
	s := &Server{WireBytes: 100}
	server := httptest.NewServer(s)
	defer server.Close()
	resp, err := http.Post(server.URL+"/api/1/envelope/", "", io.MultiReader(bytes.NewReader(envelope(raw{"event", blanks(1000)}))))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("%s, want 413", resp.Status)
	}
}

func TestProfiles(t *testing.T) {
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(goodProfile) }
	for name, c := range map[string]struct{ profile, why string }{
		"good":                    {goodProfile, ""},
		"not JSON":                {goodProfile[1:], "invalid json"},
		"version":                 {change(`"version":"1"`, `"version":"2"`), `version "2"`},
		"no id":                   {change(`"event_id":"`+id, `"event_id":"`), "event_id"},
		"id of zeros":             {change(`"event_id":"`+id, `"event_id":"`+strings.Repeat("0", 32)), "event_id"},
		"no platform":             {change(`"platform":"go"`, `"platform":""`), "platform"},
		"no timestamp":            {change(`"timestamp"`, `"time"`), "timestamp"},
		"no architecture":         {change("architecture", "arch"), "device"},
		"no os":                   {change(`"os"`, `"system"`), "os"},
		"no transaction":          {change(`"transaction"`, `"tx"`), "no transaction"},
		"transaction's name":      {change("GET /", ""), "transaction metadata"},
		"transaction's trace":     {change(`"trace_id":"`, `"trace_id":"x`), "transaction metadata"},
		"stack out of range":      {change(`"elapsed_since_start_ns":"2000","stack_id":0`, `"elapsed_since_start_ns":"2000","stack_id":2`, `3000,"stack_id":1`, `3000,"stack_id":0`), "malformed samples"},
		"frame out of range":      {change(`[0],[]`, `[0],[],[1]`), "malformed stacks"},
		"one sample each":         {change(`{"elapsed_since_start_ns":"2000","stack_id":0,"thread_id":"1"},`, ""), "not enough"},
		"idle":                    {change(`"stack_id":0`, `"stack_id":1`), "not enough"},
		"exactly 30 s":            {change(`"elapsed_since_start_ns":"2000"`, `"elapsed_since_start_ns":"30000000000"`), ""},
		"over 30 s":               {change(`"elapsed_since_start_ns":"2000"`, `"elapsed_since_start_ns":"30000000001"`), "too long"},
		"over 30 s, but not last": {change(`"elapsed_since_start_ns":1000`, `"elapsed_since_start_ns":40000000000`), ""},
		"sample without a stack":  {change(`2000,"stack_id":0`, `2000`), "invalid json"},
	} {
		s := new(Server)
		got := post(t, s, envelope(raw{"transaction", goodTransaction}, raw{"profile", c.profile}), "")
		if got.Status != 200 {
			t.Errorf("%s: %d %s", name, got.Status, got.Why)
			continue
		}
		it := got.Items[1]
		if !strings.Contains(it.Refused, c.why) || (c.why == "") != (it.Refused == "") || (it.Profile == nil) != (c.why != "") {
			t.Errorf("%s: refused %q, want %q; profile %+v", name, it.Refused, c.why, it.Profile)
		}
		if totals := s.Totals(); totals.Transactions != 1 || totals.Profiles+totals.Refused["profile: "+it.Refused] != 1 {
			t.Errorf("%s: totals %+v", name, totals)
		}
	}
	got := post(t, new(Server), envelope(raw{"profile", goodProfile}), "").Items[0].Profile
	want := Profile{Samples: 2, Threads: 1, ActiveSamples: 2, First: time.Microsecond, Last: 2 * time.Microsecond}
	if got == nil || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTransactions(t *testing.T) {
	s := new(Server)
	for name, c := range map[string]struct{ tx, why string }{
		"good":     {goodTransaction, ""},
		"type":     {strings.Replace(goodTransaction, `"transaction"`, `"event"`, 1), "type"},
		"no start": {strings.Replace(goodTransaction, `"start_timestamp"`, `"start"`, 1), "start_timestamp"},
		"no trace": {strings.Replace(goodTransaction, `"trace"`, `"track"`, 1), "trace"},
	} {
		if got := post(t, s, envelope(raw{"transaction", c.tx}), "").Items[0].Refused; !strings.Contains(got, c.why) || (got == "") != (c.why == "") {
			t.Errorf("%s: refused %q, want %q", name, got, c.why)
		}
	}
	post(t, s, envelope(raw{"transaction", goodTransaction}), "")
	if n := s.Totals().Transactions; n != 1 {
		t.Errorf("%d transactions, want 1: the same one came twice", n)
	}
}

func FuzzEnvelope(f *testing.F) {
	f.Add(envelope(raw{"transaction", goodTransaction}, raw{"profile", goodProfile}))
	f.Add([]byte("{}\n{\"type\":\"event\"}\n{}\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, items, err := parseEnvelope(body)
		if err != nil {
			return
		}
		var sum int
		for i := range items {
			sum += len(items[i].payload)
			items[i].look()
		}
		if sum > len(body) {
			t.Errorf("%d bytes of payload in %d", sum, len(body))
		}
	})
}
