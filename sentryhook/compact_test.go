package sentryhook

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"testing"
)

// compacted returns a profile after a plan's steps, or nil when it was not
// understood.
func compacted(t testing.TB, payload []byte, steps int) (*compaction, []byte) {
	t.Helper()
	c, ok := compact(payload)
	if !ok {
		return nil, nil
	}
	for range steps {
		if !c.reduce(payload) {
			return c, nil
		}
	}
	var b bytes.Buffer
	if err := c.write(payload, &b); err != nil {
		t.Fatal(err)
	}
	if b.Len() != c.size {
		t.Fatalf("%d bytes written, %d planned", b.Len(), c.size)
	}
	return c, b.Bytes()
}

// checkLossless checks what compaction promises of one profile.
func checkLossless(t testing.TB, payload []byte) {
	t.Helper()
	c, out := compacted(t, payload, 0)
	if out == nil {
		return
	}
	if !json.Valid(payload) {
		return // anything goes, but a panic
	}
	if !json.Valid(out) {
		t.Fatalf("no JSON any more:\n%s\nwas\n%s", out, payload)
	}
	if len(out) > len(payload) {
		t.Fatalf("%d bytes became %d", len(payload), len(out))
	}
	if c.unchanged && !bytes.Equal(out, payload) {
		t.Fatal("unchanged, but changed")
	}
	if c2, again := compacted(t, out, 0); again == nil || !c2.unchanged || !bytes.Equal(out, again) {
		t.Fatalf("not idempotent:\n%s\nbecame\n%s", out, again)
	}
	was, err := relayAccepts(payload)
	if err != nil {
		return
	}
	is, err := relayAccepts(out)
	if err != nil {
		t.Fatalf("Relay accepted it, now: %v\n%s\nwas\n%s", err, out, payload)
	}
	if c.cut > 0 {
		return
	}
	if *was[0].Elapsed != *is[0].Elapsed || *was[len(was)-1].Elapsed != *is[len(is)-1].Elapsed {
		t.Fatal("the profile's duration changed")
	}
	treesWere, err := callTrees(payload)
	if err != nil {
		t.Fatal(err)
	}
	treesAre, err := callTrees(out)
	if err != nil {
		t.Fatal(err)
	}
	if treesWere != treesAre {
		t.Fatalf("call trees changed:\n%s\nto\n%s", treesWere, treesAre)
	}
	spansWere, _ := threadSpans(payload)
	spansAre, _ := threadSpans(out)
	if !maps.Equal(spansWere, spansAre) {
		t.Fatalf("other threads' spans changed:\n%v\nto\n%v", spansWere, spansAre)
	}
}

func TestCompactionIsLossless(t *testing.T) {
	understood, smaller, cut := 0, 0, 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		payload := generate(r, random(r))
		checkLossless(t, payload)
		if c, ok := compact(payload); ok {
			understood++
			if !c.unchanged {
				smaller++
			}
			if c.cut > 0 {
				cut++
			}
		} else {
			t.Fatalf("seed %d: not understood:\n%s", seed, payload)
		}
	}
	if smaller < understood/2 || cut < 100 {
		t.Errorf("of %d profiles %d became smaller, %d were cut: does this test still test?", understood, smaller, cut)
	}
}

func TestScene(t *testing.T) {
	payload := generate(rand.New(rand.NewPCG(1, 1)), crowd(1000, 10))
	c, out := compacted(t, payload, 0)
	t.Logf("%d -> %d bytes, %d of %d samples", len(payload), len(out), c.kept, c.sampleCount)
	checkLossless(t, payload)
}

func BenchmarkCompact(b *testing.B) {
	payload := generate(rand.New(rand.NewPCG(1, 1)), crowd(1000, 10))
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		compact(payload)
	}
}
