package incident

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/leakguard/leakguard/internal/bounded"
)

// A manifest that somebody else wrote must not cost more memory than its bytes. A list
// of 4 MiB once became 600 MiB of readings, which killed each start of a small service.
func TestManifestIsBoundedWhileDecoding(t *testing.T) {
	many := func(element string) string {
		return "[" + strings.Repeat(element+",", (maxManifestBytes-1000)/(len(element)+1)) + element + "]"
	}
	for name, field := range map[string]string{
		"captures": `"captures":` + many("{}"), "decisions": `"decisions":` + many("{}"),
		"readings": `"readings":` + many("{}"), "history": `"history":` + many("{}"),
		"trends": `"trends":` + many("{}"), "goroutine_sites": `"goroutine_sites":` + many("{}"),
		"limits": `"limits":` + many("{}"), "artefacts": `"artefacts":` + many(`{"name":"heap.pb.gz"}`),
		"suspects": `"suspects":` + many("{}"),
		"steps":    `"captures":[{"steps":` + many("{}") + "}]",
		"reasons":  `"suspects":[{"reasons":` + many(`""`) + "}]",
		"evidence": `"death":{"evidence":` + many(`""`) + "}",
	} {
		data := `{"schema":1,"rule":"heap",` + field + `,"headline":"kept"}`
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, err := ReadManifest(strings.NewReader(data))
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if m.Rule != "heap" || m.Headline != "kept" {
			t.Errorf("%s: the rest is lost: %+v", name, m.Rule)
		}
		if len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "ignored all but the first") {
			t.Errorf("%s: warnings %q", name, m.Warnings)
		}
		// ReadAll takes about five times the bytes in passing.
		if used := after.TotalAlloc - before.TotalAlloc; used > 16*maxManifestBytes {
			t.Errorf("%s: decoding %d MiB took %d MiB", name, maxManifestBytes>>20, used>>20)
		}
	}
}

func TestTextsAreBoundedWhileDecoding(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	m, err := ReadManifest(strings.NewReader(fmt.Sprintf(`{"schema":1,"rule":%q,"process":{"host":%[1]q},"trends":[{"reason":%[1]q}],
		"captures":[{"steps":[{"reason":%[1]q}]}],"suspects":[{"wait":%[1]q}],"goroutine_sites":[{"created_by":{"function":%[1]q}}],"death":{"panic":%[1]q}}`, long)))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{m.Rule, m.Process.Host, m.Trends[0].Reason, m.Captures[0].Steps[0].Reason, m.Suspects[0].Wait, m.GoroutineSites[0].CreatedBy.Function, m.Death.Panic} {
		if len(text) > bounded.MaxText+len("…") || !strings.HasPrefix(text, "xxx") {
			t.Errorf("%d bytes are left", len(text))
		}
	}
}

// What Encode writes at its limits is read whole.
func TestDecodeKeepsWhatEncodeWrites(t *testing.T) {
	m := testManifest()
	for range 100 {
		m.Readings, m.Captures, m.Decisions = append(m.Readings, m.Readings[0]), append(m.Captures, m.Captures[0]), append(m.Decisions, m.Decisions[0])
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadManifest(bytes.NewReader(data))
	if err != nil || len(read.Warnings) != 0 {
		t.Fatalf("%v, %q", err, read.Warnings)
	}
	if len(read.Readings) != maxReadings || len(read.Captures) != maxCaptures || len(read.Decisions) != maxDecisions || len(read.Captures[5].Steps) != 2 {
		t.Errorf("%d readings, %d captures, %d decisions", len(read.Readings), len(read.Captures), len(read.Decisions))
	}
}
