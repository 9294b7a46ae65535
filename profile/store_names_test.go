package profile

import (
	"testing"
	"time"
)

func TestFileName(t *testing.T) {
	for _, kind := range Kinds() {
		for _, variant := range []string{AtCrossing, Base, Fresh} {
			for _, capture := range []int{0, 1, 2, 1000} {
				name := FileName(kind, variant, capture)
				if got, ok := kindOf(name); !ok || got != kind {
					t.Errorf("%s is of kind %v, %v; want %v", name, got, ok, kind)
				}
			}
		}
	}
	for want, got := range map[string]string{
		"heap.pb.gz":              FileName(Heap, AtCrossing, 1),
		"heap-base.pb.gz":         FileName(Heap, Base, 0),
		"goroutine-fresh.3.pb.gz": FileName(Goroutine, Fresh, 3),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, name := range []string{"heap.txt", "heapster.pb.gz", "report.html", "HEAP.pb.gz", ".pb.gz"} {
		if k, ok := kindOf(name); ok {
			t.Errorf("%s is no profile, not one of %v", name, k)
		}
	}
}

func TestNamesThatAreOurs(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC)
	if opened, label, ok := parseID("20261120T101530.123Z-heap-1h-7f3a"); !ok || label != "heap-1h" || !opened.Equal(at) {
		t.Errorf("got %v, %q, %v", opened, label, ok)
	}
	if got, ok := parseLadder(ladderName(at, "17-7f3a")); !ok || got != "17-7f3a" {
		t.Errorf("got %q, %v", got, ok)
	}
	if !validBaseline(baselineName(GoroutineLeak, at)) {
		t.Error("a baseline's own name")
	}
	if got, ok := parseTemp(".tmp-17-7f3a-18446744073709551615"); !ok || got != "17-7f3a" {
		t.Errorf("got %q, %v", got, ok)
	}
	for _, name := range []string{
		"", "-", "20261120T101530.123Z", "20261120T101530.123Z-heap", "20261120T101530.123Z--7f3a", "20261120T101530.123Z-7f3a",
		"20261120T101530.123Z-Heap-7f3a", "20261120T101530.123Z-heap-7F3A", "20261120T101530.123Z-heap-7f3", "20261120T101530,123Z-heap-7f3a",
		"20261320T101530.123Z-heap-7f3a", "20261120T101530.123Zheap-7f3a", "20261120T101530.123Z-heap-7f3a/", "20261120T101530.123Z-he/ap-7f3a",
		"20261120T101530.123Z-heap-7f3a.old", "x20261120T101530.123Z-heap-7f3a",
	} {
		if _, _, ok := parseID(name); ok {
			t.Errorf("%q is no incident", name)
		}
	}
	for _, name := range []string{"", "20261120T101530.123Z", "20261120T101530.123Z-1", "20261120T101530.123Z-x-7f3a", "20261120T101530.123Z-1-7f3a-2", "20261120T101530.123Z-1-7f3x"} {
		if _, ok := parseLadder(name); ok {
			t.Errorf("%q is no ladder", name)
		}
	}
	for _, name := range []string{"", ".tmp-", ".tmp--", ".tmp-1-7f3a", ".tmp-1-7f3a-", ".tmp-1-7f3a-x", ".tmp-x-7f3a-1", ".tmp-1-7f3x-1", "tmp-1-7f3a-1", ".tmp-1-7f3a-123456789012345678901"} {
		if _, ok := parseTemp(name); ok {
			t.Errorf("%q is no temp file", name)
		}
	}
	for _, name := range []string{"", "heap.pb.gz", "heap-20261120T101530.123Z", "heep-20261120T101530.123Z.pb.gz", "heap-20261120T101530.123Z-1.pb.gz", "lock"} {
		if validBaseline(name) {
			t.Errorf("%q is no baseline", name)
		}
	}
}
