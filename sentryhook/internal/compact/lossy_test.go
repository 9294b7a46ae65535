package compact

import (
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

var sampleCounts = regexp.MustCompile(`"Samples":\d+`)

// treeTimes returns the call trees with their times but without their counts, and the
// counts of each frame.
func treeTimes(t *testing.T, payload []byte) (string, map[string]int) {
	t.Helper()
	text, err := relaytest.CallTrees(payload)
	if err != nil {
		t.Fatal(err)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	if err := json.Unmarshal(parts[1], &counts); err != nil {
		t.Fatal(err)
	}
	return sampleCounts.ReplaceAllString(string(parts[0]), ""), counts
}

func TestReduction(t *testing.T) {
	fewer := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		shape := relaytest.Random(r)
		shape.Disorder, shape.Start = 0, 0
		payload := relaytest.Generate(r, shape)
		_, before := compacted(t, payload, 0)
		size := len(before)
		wasTree, wasCounts := treeTimes(t, payload)
		for steps := 1; ; steps++ {
			c, after := compacted(t, payload, steps)
			if after == nil {
				break
			}
			if !json.Valid(after) || len(after) > size {
				t.Fatalf("seed %d, step %v: %d bytes of %d:\n%s", seed, c.Step, len(after), size, after)
			}
			p, err := relaytest.Decode(after)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range p.Profile.Samples {
				if *s.Thread != *p.Transaction.Active {
					t.Fatalf("seed %d, step %v: another thread's sample stayed", seed, c.Step)
				}
			}
			size = len(after)
			if c.Step == Thinned {
				continue
			}
			tree, counts := treeTimes(t, after)
			if tree != wasTree {
				t.Fatalf("seed %d, step %v: the call tree changed:\n%s\nto\n%s", seed, c.Step, wasTree, tree)
			}
			for frame, n := range wasCounts {
				if n >= 2 && counts[frame] < 2 {
					t.Fatalf("seed %d, step %v: %s had %d samples, has %d and would vanish", seed, c.Step, frame, n, counts[frame])
				}
				if c.Step == ActiveOnly && counts[frame] != n {
					t.Fatalf("seed %d: %s had %d samples, has %d", seed, frame, n, counts[frame])
				}
				if counts[frame] < n {
					fewer++
				}
			}
		}
	}
	if fewer < 50 {
		t.Errorf("%d frames have fewer samples: does this test still test?", fewer)
	}
}

// Thinning keeps the duration, is even, and ends with two samples.
func TestThinning(t *testing.T) {
	payload := relaytest.Generate(rand.New(rand.NewPCG(1, 1)), relaytest.Shape{
		Threads: 1, Ticks: 1000, Period: 9_900_990, Frames: 50, Stacks: 1000, Depth: 3, ActiveChange: 1,
	})
	first, last := int64(0), int64(0)
	had := 0
	for steps := 2; ; steps++ {
		c, out := compacted(t, payload, steps)
		if out == nil {
			if had > 3 {
				t.Errorf("given up at %d samples", had)
			}
			return
		}
		p, _ := relaytest.Decode(out)
		n := len(p.Profile.Samples)
		a, z := int64(*p.Profile.Samples[0].Elapsed), int64(*p.Profile.Samples[n-1].Elapsed)
		if first == 0 {
			first, last = a, z
		}
		if a != first || z != last {
			t.Errorf("stride %d: from %d to %d, was from %d to %d", c.stride, a, z, first, last)
		}
		if had > 0 && (n > had/2+2 || n < had/2) {
			t.Errorf("stride %d: %d samples of %d", c.stride, n, had)
		}
		for i := 2; i < n-1; i++ {
			gap := int64(*p.Profile.Samples[i].Elapsed) - int64(*p.Profile.Samples[i-1].Elapsed)
			if want := int64(c.stride) * 9_900_990; gap < want*9/10 || gap > want*12/10 {
				t.Errorf("stride %d: a gap of %d, want about %d", c.stride, gap, want)
			}
		}
		had = n
	}
}

// Samples of the transaction's thread that are out of order keep their times: as Sentry
// sorts them, the ends of a run in the payload are not the ends of a run there.
func TestEndsOfDisorder(t *testing.T) {
	disordered := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		shape := relaytest.Random(r)
		shape.Disorder, shape.Start, shape.Threads, shape.Ticks = 0.3, 0, 3, 30
		payload := relaytest.Generate(r, shape)
		c, after := compacted(t, payload, 2)
		if after == nil || c.Step != ActiveRuns {
			continue
		}
		disordered++
		wasTree, _ := treeTimes(t, payload)
		if tree, _ := treeTimes(t, after); tree != wasTree {
			t.Fatalf("seed %d: the call trees changed:\n%s\nto\n%s", seed, wasTree, tree)
		}
	}
	if disordered < 50 {
		t.Errorf("%d profiles were tested: too few", disordered)
	}
}
