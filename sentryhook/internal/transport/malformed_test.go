package transport

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// What is not understood is passed on, byte for byte and uncompressed.
func TestMalformedIsPassedOn(t *testing.T) {
	whole := string(relaytest.Envelope(relaytest.Scene(1)))
	for name, body := range map[string]string{
		"no JSON":           "hello\nworld",
		"header array":      "[]\n{\"type\":\"event\"}\n{}",
		"no type":           "{}\n{\"length\":2}\n{}\n",
		"type is no string": "{}\n{\"type\":1}\n{}\n",
		"length too long":   "{}\n{\"type\":\"event\",\"length\":1000}\n{}\n",
		"length negative":   "{}\n{\"type\":\"event\",\"length\":-1}\n{}\n",
		"length huge":       "{}\n{\"type\":\"event\",\"length\":99999999999999999999}\n{}\n",
		"length too short":  "{}\n{\"type\":\"event\",\"length\":1}\n{}\n",
		"length twice":      "{}\n{\"type\":\"event\",\"length\":2,\"length\":1}\n{}\n",
		"cut short":         whole[:len(whole)/2],
		"NUL bytes":         strings.Repeat("\x00", 5000),
		"deep":              strings.Repeat("[", 100_000),
		"deep header":       "{\"a\":" + strings.Repeat("{\"a\":", 1_000) + "\n",
		"long header":       "{\"a\":\"" + strings.Repeat("x", 1<<20) + "\"}\n",
		"many items":        "{}\n" + strings.Repeat("{\"type\":\"event\"}\n{}\n", 300),
	} {
		r := relaytest.New(t, 0)
		tr := newTransport(t, Config{})
		r.Respond(func(relaytest.Request) (int, http.Header) { return http.StatusTeapot, nil })
		if resp := r.Post(t, tr, []byte(body)); resp.StatusCode != http.StatusTeapot {
			t.Errorf("%s: %s", name, resp.Status)
		}
		got := r.Last(t)
		if string(got.Body) != body || got.Gzip {
			t.Errorf("%s: sent as %.100s", name, got.Body)
		}
		if s := tr.Stats(); s.PassedOn != 1 || s.Envelopes != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A long name of a transaction, with '<' written as JSON escapes it, makes a long header.
// The envelope is made to fit all the same.
func TestLongHeader(t *testing.T) {
	_, items, _ := bytes.Cut(relaytest.Envelope(relaytest.Busy()), []byte("\n"))
	for _, n := range []int{3_000, 170_000} { // 18 KB and 1,020,000 bytes
		body := append([]byte(`{"trace":{"transaction":"`+strings.Repeat(`\u003c`, n)+"\"}}\n"), items...)
		r := relaytest.New(t, 1<<20)
		tr := newTransport(t, Config{})
		if resp := r.Post(t, tr, body); resp.StatusCode != http.StatusOK {
			t.Errorf("%d escapes in the header: %s", n, resp.Status)
		}
		if s := tr.Stats(); s.Envelopes != 1 || r.Last(t).Item("transaction") == nil {
			t.Errorf("%d escapes in the header: %+v", n, s)
		}
	}
}

// A profile of another format, or one that is not JSON, is sent if it is within its
// budget and left out if it is not. Its transaction is sent in any case.
func TestForeignProfile(t *testing.T) {
	usual := string(relaytest.Scene(0.2))
	for name, profile := range map[string]string{
		"truncated":         usual[:len(usual)-10],
		"truncated samples": usual[:len(usual)/2],
		"behind the end":    usual + "{}",
		"deep":              `{"version":"1","profile":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}",
		"duplicate key":     strings.Replace(usual, `"samples":`, `"samples":[],"samples":`, 1),
		"duplicate version": strings.Replace(usual, `"version":"1"`, `"version":"1","version":"1"`, 1),
		"escaped key":       strings.Replace(usual, `"samples":`, `"s\u0061mples":`, 1),
		"index too large":   strings.Replace(usual, `"stack_id":`, `"stack_id":99999999999999`, 1),
		"no such stack":     strings.Replace(usual, `"stack_id":`, `"stack_id":1000`, 1),
		"no frames at all":  usual[:strings.Index(usual, `"frames":[`)+10] + usual[strings.Index(usual, `],"samples"`):],
		"negative index":    strings.Replace(usual, `"stack_id":`, `"stack_id":-`, 1),
		"fraction":          strings.Replace(usual, `"elapsed_since_start_ns":`, `"elapsed_since_start_ns":0.`, 1),
		"leading zero":      strings.Replace(usual, `"elapsed_since_start_ns":`, `"elapsed_since_start_ns":00`, 1),
		"version 2":         strings.Replace(usual, `"version":"1"`, `"version":"2"`, 1),
		"window":            strings.Replace(usual, `"active_thread_id":7`, `"active_thread_id":7,"relative_end_ns":5`, 1),
		"no active thread":  strings.Replace(usual, `"active_thread_id":7,`, ``, 1),
		"frames no objects": `{"version":"1","profile":{"frames":[1],"stacks":[[0]],"samples":[]},"transaction":{"active_thread_id":1}}`,
		"NUL":               "{\x00}",
		"no newline":        strings.Repeat("x", 300),
	} {
		if profile == usual {
			t.Errorf("%s: not changed, tests nothing", name)
		}
		body := relaytest.Envelope([]byte(profile))
		r := relaytest.New(t, 0)
		tr := newTransport(t, Config{})
		r.Post(t, tr, body)
		if got := r.Last(t); !bytes.Equal(got.Body, body) {
			t.Errorf("%s: changed", name)
		}
		tr = newTransport(t, Config{ProfileBytes: leastBudget})
		r.Post(t, tr, body)
		got := r.Last(t)
		want := len(profile) <= leastBudget
		if (got.Item("profile") != nil) != want || got.Item("transaction") == nil {
			t.Errorf("%s, over budget: %d items", name, len(got.Items))
		}
		if s := countsAddUp(t, tr); !want && s.Dropped[envelope.TooLarge] != 1 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A profile with invalid UTF-8 is compacted, because strings are not decoded.
func TestInvalidUTF8(t *testing.T) {
	profile := bytes.Replace(relaytest.Scene(1), []byte("(*server).handle1"), []byte("\xff\xfe\"\\\"\x00"), 1)
	profile = bytes.Replace(profile, []byte("\"\\\"\x00"), []byte("\\\"\x00"), 1)
	if out := compacted(t, profile); len(out) > len(profile)/4 {
		t.Errorf("%d bytes became %d", len(profile), len(out))
	}
}
