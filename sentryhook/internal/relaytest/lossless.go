package relaytest

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"
)

// CheckLossless checks that a profile says the same after compaction as before:
// valid JSON of no greater length that Relay accepts if it accepted the original,
// with the same duration, call trees and spans of threads. If samples beyond 30 s
// were cut, the last three cannot be compared.
func CheckLossless(t testing.TB, before, after []byte, cut bool) {
	t.Helper()
	if !json.Valid(before) {
		return // anything but a panic is fine
	}
	if !json.Valid(after) {
		t.Fatalf("no JSON any more:\n%s\nwas\n%s", after, before)
	}
	if len(after) > len(before) {
		t.Fatalf("%d bytes became %d", len(before), len(after))
	}
	was, err := Accepts(before)
	if err != nil {
		return
	}
	is, err := Accepts(after)
	if err != nil {
		t.Fatalf("Relay accepted it, now: %v\n%s\nwas\n%s", err, after, before)
	}
	old, _ := Decode(before)
	compacted, _ := Decode(after)
	for _, s := range is {
		id := fmt.Sprint(*s.Thread)
		if name, ok := old.Profile.Threads[id]; ok && string(compacted.Profile.Threads[id]) != string(name) {
			t.Fatalf("thread %s is %s, was %s", id, compacted.Profile.Threads[id], name)
		}
	}
	if cut {
		return
	}
	if *was[0].Elapsed != *is[0].Elapsed || *was[len(was)-1].Elapsed != *is[len(is)-1].Elapsed {
		t.Fatal("the profile's duration changed")
	}
	treesWere, err := CallTrees(before)
	if err != nil {
		t.Fatal(err)
	}
	treesAre, err := CallTrees(after)
	if err != nil {
		t.Fatal(err)
	}
	if treesWere != treesAre {
		t.Fatalf("call trees changed:\n%s\nto\n%s", treesWere, treesAre)
	}
	spansWere, _ := ThreadSpans(before)
	spansAre, _ := ThreadSpans(after)
	if !maps.Equal(spansWere, spansAre) {
		t.Fatalf("other threads' spans changed:\n%v\nto\n%v", spansWere, spansAre)
	}
}
