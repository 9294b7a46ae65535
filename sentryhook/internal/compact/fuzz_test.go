package compact

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/relaytest"
)

func FuzzCompact(f *testing.F) {
	for _, s := range relaytest.ProfileSeeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, ok := Plan(payload)
		if !ok {
			return
		}
		valid := json.Valid(payload)
		if plainKeys(payload) {
			checkLossless(t, payload)
		}
		size := len(payload)
		for steps := 0; ; steps++ {
			var out bytes.Buffer
			if err := c.Write(payload, &out); err != nil {
				t.Fatal(err)
			}
			if out.Len() != c.Size {
				t.Fatalf("step %v: %d bytes, planned %d", c.Step, out.Len(), c.Size)
			}
			if out.Len() > size {
				t.Fatalf("step %v: grew from %d to %d bytes", c.Step, size, out.Len())
			}
			size = out.Len()
			if valid && !json.Valid(out.Bytes()) {
				t.Fatalf("step %v: no JSON any more:\n%s\nwas\n%s", c.Step, &out, payload)
			}
			if !c.Reduce(payload) {
				return
			}
			if steps > 64 {
				t.Fatal("it does not end")
			}
		}
	})
}

// plainKeys reports whether the reference finds the same keys as we do: encoding/json
// takes "SAMPLES" for "samples", and other letters for s and k.
func plainKeys(payload []byte) bool {
	lower := bytes.ToLower(payload)
	for _, key := range []string{"version", "event_id", "platform", "timestamp", "device", "architecture", "os", "name", "transaction", "id", "trace_id",
		"active_thread_id", "profile", "frames", "stacks", "samples", "thread_metadata", "elapsed_since_start_ns", "stack_id", "thread_id"} {
		key = `"` + key + `"`
		if bytes.Count(payload, []byte(key)) != bytes.Count(lower, []byte(key)) {
			return false
		}
	}
	return bytes.IndexFunc(payload, func(r rune) bool { return r >= 0x80 }) < 0
}
