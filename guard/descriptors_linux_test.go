package guard

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The files in Dir that a guard keeps open are those it cannot do without: the folder,
// the lock that says it is alive, and the black box. docs/cost.md lists all.
func TestDescriptorsInDir(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "evidence")
	g, err := Start(Config{Dir: dir, Interval: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	waitFor(t, "baselines", func() bool { return g.Snapshot().Counters.Baselines >= 2 })
	waitFor(t, "only the folder, the black box and the lock are open", func() bool { // a baseline's may just be closing
		var open []string
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range list {
			if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, dir) {
				name, _, _ := strings.Cut(filepath.Base(to), "-")
				open = append(open, name)
			}
		}
		slices.Sort(open)
		return slices.Equal(open, []string{"blackbox", "evidence", "lock"})
	})
}
