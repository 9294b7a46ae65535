package compact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

// compacted returns a profile after so many steps, or nil if it is not understood or
// has fewer steps.
func compacted(t testing.TB, payload []byte, steps int) (*Compaction, []byte) {
	t.Helper()
	c, ok := Plan(payload)
	if !ok {
		return nil, nil
	}
	for range steps {
		if !c.Reduce(payload) {
			return c, nil
		}
	}
	var b bytes.Buffer
	if err := c.Write(payload, &b); err != nil {
		t.Fatal(err)
	}
	if b.Len() != c.Size {
		t.Fatalf("%d bytes written, %d planned", b.Len(), c.Size)
	}
	return c, b.Bytes()
}

// checkLossless checks what compaction promises for one profile.
func checkLossless(t testing.TB, payload []byte) {
	t.Helper()
	c, out := compacted(t, payload, 0)
	if out == nil {
		return
	}
	relaytest.CheckLossless(t, payload, out, c.Cut > 0)
	if c.Unchanged && !bytes.Equal(out, payload) {
		t.Fatal("unchanged, but changed")
	}
	if !json.Valid(payload) {
		return
	}
	if c2, again := compacted(t, out, 0); again == nil || !c2.Unchanged || !bytes.Equal(out, again) {
		t.Fatalf("not idempotent:\n%s\nbecame\n%s", out, again)
	}
}

func TestCompactionIsLossless(t *testing.T) {
	understood, smaller, cut := 0, 0, 0
	for seed := range uint64(800) {
		r := rand.New(rand.NewPCG(seed, 1))
		payload := relaytest.Generate(r, relaytest.Random(r))
		checkLossless(t, payload)
		if c, ok := Plan(payload); ok {
			understood++
			if !c.Unchanged {
				smaller++
			}
			if c.Cut > 0 {
				cut++
			}
		} else {
			t.Fatalf("seed %d: not understood:\n%s", seed, payload)
		}
	}
	if smaller < understood/2 || cut < 50 {
		t.Errorf("of %d profiles %d became smaller, %d were cut: does this test still test?", understood, smaller, cut)
	}
}

// Which samples stay, by their times; stacks and threads are given as letters.
func TestRuns(t *testing.T) {
	for _, c := range []struct{ samples, want, wantThreads string }{
		// thread, stack, time: thread 7 is the active one
		{"7a1 7a2 7a3 7a4", "1 2 3 4", "7"},
		{"8a1 8a2 8a3 8a4", "1 4", "8"},
		{"8a1 8a2 8b3 8b4 8b5 8a6", "1 2 3 5 6", "8"},
		{"8a1 9a1 7a1 8a2 9b2 7a2 8a3 9b3 7a3", "1 1 1 9b2 7a2 3 3 3", "7 8 9"},
		{"8a1", "1", "8"},
		// Time that runs backwards ends a run.
		{"8a10 8a20 8a5 8a30", "10 20 5 30", "8"},
		// Beyond 30 s is no time, and no thread.
		{"8a1 9a30000000000 9a30000000001 6a30000000002", "1 30000000000", "8 9"},
	} {
		var list []string
		for _, s := range strings.Fields(c.samples) {
			list = append(list, fmt.Sprintf(`{"elapsed_since_start_ns":%s,"stack_id":%d,"thread_id":%c}`, s[2:], s[1]-'a', s[0]))
		}
		payload := []byte(`{"profile":{"frames":[{},{}],"samples":[` + strings.Join(list, ",") + `],"stacks":[[0],[1]],"thread_metadata":{"6":{},"7":{},"8":{},"9":{}}},"transaction":{"active_thread_id":7},"version":"1"}`)
		_, out := compacted(t, payload, 0)
		p, err := relaytest.Decode(out)
		if err != nil {
			t.Fatalf("%s: %v", c.samples, err)
		}
		want := strings.Fields(c.want)
		for i, s := range p.Profile.Samples {
			if i >= len(want) || !strings.HasSuffix(want[i], fmt.Sprint(*s.Elapsed)) {
				t.Errorf("%s: %s stayed, want %s", c.samples, out, c.want)
				break
			}
		}
		if threads := slices.Sorted(maps.Keys(p.Profile.Threads)); len(p.Profile.Samples) != len(want) || strings.Join(threads, " ") != c.wantThreads {
			t.Errorf("%s: %d samples and threads %v stayed, want %s and %s", c.samples, len(p.Profile.Samples), threads, c.want, c.wantThreads)
		}
	}
}

// Threads that do not fit into the table stay as they are.
func TestMoreThreadsThanTheTableHolds(t *testing.T) {
	payload := relaytest.Generate(rand.New(rand.NewPCG(1, 1)), relaytest.Shape{Threads: 9000, Ticks: 5, Period: 9_900_990, Frames: 5, Stacks: 5, Depth: 3, Change: 0.1})
	checkLossless(t, payload)
	c, _ := compacted(t, payload, 0)
	if most := c.table.most - c.table.most/4; !c.table.full || c.table.used != most {
		t.Errorf("%d threads in the table, want %d", c.table.used, most)
	}
	if c.Kept < 9000*2 || c.Kept > c.sampleCount*9/10 {
		t.Errorf("%d of %d samples stayed", c.Kept, c.sampleCount)
	}
}

// The transport's TestSceneIsDelivered has the scene in its full size.
func TestSceneIsLossless(t *testing.T) {
	payload := relaytest.Generate(rand.New(rand.NewPCG(1, 1)), relaytest.Crowd(300, 3))
	if c, out := compacted(t, payload, 0); c == nil || len(out) > len(payload)/20 {
		t.Errorf("%d bytes became %d", len(payload), len(out))
	}
	checkLossless(t, payload)
}

func BenchmarkCompact(b *testing.B) {
	payload := relaytest.Generate(rand.New(rand.NewPCG(1, 1)), relaytest.Crowd(1000, 10))
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		Plan(payload)
	}
}
