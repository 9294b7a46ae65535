package layout

import (
	"testing"
	"time"
)

func TestNamesThatAreOurs(t *testing.T) {
	at := time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC)
	if opened, label, ok := ParseID("20261120T101530.123Z-heap-1h-7f3a"); !ok || label != "heap-1h" || !opened.Equal(at) {
		t.Errorf("got %v, %q, %v", opened, label, ok)
	}
	if got, ok := ParseLadder(LadderName(at, "17-7f3a")); !ok || got != "17-7f3a" {
		t.Errorf("got %q, %v", got, ok)
	}
	if kind, ok := ParseBaseline(BaselineName("goroutineleak", at)); !ok || kind != "goroutineleak" {
		t.Error("a baseline's own name")
	}
	if got, ok := ParseTemp(".tmp-17-7f3a-18446744073709551615"); !ok || got != "17-7f3a" {
		t.Errorf("got %q, %v", got, ok)
	}
	for _, name := range []string{
		"", "-", "20261120T101530.123Z", "20261120T101530.123Z-heap", "20261120T101530.123Z--7f3a", "20261120T101530.123Z-7f3a",
		"20261120T101530.123Z-Heap-7f3a", "20261120T101530.123Z-heap-7F3A", "20261120T101530.123Z-heap-7f3", "20261120T101530,123Z-heap-7f3a",
		"20261320T101530.123Z-heap-7f3a", "20261120T101530.123Zheap-7f3a", "20261120T101530.123Z-heap-7f3a/", "20261120T101530.123Z-he/ap-7f3a",
		"20261120T101530.123Z-heap-7f3a.old", "x20261120T101530.123Z-heap-7f3a",
	} {
		if _, _, ok := ParseID(name); ok {
			t.Errorf("%q is no incident", name)
		}
	}
	for _, name := range []string{"", "20261120T101530.123Z", "20261120T101530.123Z-1", "20261120T101530.123Z-x-7f3a", "20261120T101530.123Z-1-7f3a-2", "20261120T101530.123Z-1-7f3x"} {
		if _, ok := ParseLadder(name); ok {
			t.Errorf("%q is no ladder", name)
		}
	}
	for _, name := range []string{"", ".tmp-", ".tmp--", ".tmp-1-7f3a", ".tmp-1-7f3a-", ".tmp-1-7f3a-x", ".tmp-x-7f3a-1", ".tmp-1-7f3x-1", "tmp-1-7f3a-1", ".tmp-1-7f3a-123456789012345678901"} {
		if _, ok := ParseTemp(name); ok {
			t.Errorf("%q is no temp file", name)
		}
	}
	for _, name := range []string{"", "heap.pb.gz", "heap-20261120T101530.123Z", "He-20261120T101530.123Z.pb.gz", "heap-20261120T101530.123Z-1.pb.gz", "lock"} {
		if _, ok := ParseBaseline(name); ok {
			t.Errorf("%q is no baseline", name)
		}
	}
}
