package report

import (
	"strings"
	"testing"
)

func TestHeadlines(t *testing.T) {
	for name, want := range map[string]string{
		"heap":      "main.memoryLeak (cmd/checkout/main.go:104) holds 180.4 MiB more than 2 s ago, 98% of the heap growth",
		"nongo":     "No culprit in the Go heap: memory outside it grew by 206.0 MiB in 60 min, the live heap by 2.0 MiB",
		"nothing":   "No culprit: no growth stands out; the heap 9.0 MiB → 9.0 MiB (+4.0 KiB), goroutines 12 → 11 (−1)",
		"cut-short": "orders.(*Index).Add (orders/index.go:33) holds 210.0 MiB, 70% of the heap; no baseline to compare with",
	} {
		if got := Explain(reportCases()[name]).Headline; got != want {
			t.Errorf("%s: headline is\n%s\nwant\n%s", name, got, want)
		}
	}
	if got, want := Explain(Input{}).Headline, "No evidence: there is no readable profile"; got != want {
		t.Errorf("without evidence: %q, want %q", got, want)
	}
	alone := seedCase()
	alone.Heap, alone.Manifest.History = nil, nil
	if got, want := Explain(alone).Headline, "134 more goroutines wait in chan receive at storage.(*Cache).Put (storage/storage.go:85), never fewer for 40 min"; got != want {
		t.Errorf("goroutines alone: %q, want %q", got, want)
	}
	weak := heapCase()
	weak.Heap.Suspects = weak.Heap.Suspects[1:]
	if got := Explain(weak).Headline; !strings.HasPrefix(got, "No culprit: ") || !strings.Contains(got, "the best guess is session.(*Store).Get (session/store.go:61), +3.0 MiB") {
		t.Errorf("a suspect of 20%% is accused: %q", got)
	}
}
