package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/confined"
	"github.com/leakguard/leakguard/profile/incident"
)

func TestFewDeathsAreKept(t *testing.T) {
	var list []kept
	for i := range 12 {
		list = append(list, kept{ID: fmt.Sprint(i), Rule: incident.RulePreviousDeath, Opened: noon.Add(time.Duration(i) * time.Minute)})
	}
	list = append(list, kept{ID: "leak", Rule: "memory", Opened: noon})
	got := retain(list, limits{Bytes: 1 << 20, Incidents: 20, Age: time.Hour}, noon.Add(12*time.Minute))
	if want := []string{"1", "2", "3", "4", "5", "6", "7"}; !slices.Equal(got, want) {
		t.Errorf("removed %q, want %q", got, want)
	}
}

func TestBoxesAreSwept(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	put := func(name string, age time.Duration) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	box := func(i int) string { return fmt.Sprintf("blackbox-20261120T%02d%02d00.000Z-17-7f3a", i/60, i%60) }
	for i := range mostBoxes + 3 {
		put(box(i), 2*time.Hour)
	}
	put("crash-20261120T000500.000Z-17-7f3a", 2*time.Hour)                  // its box is kept
	put("crash-20261120T000500.000Z-18-7f3a", 2*time.Hour)                  // has none
	put("crash-20261120T000500.000Z-19-7f3a", time.Minute)                  // is being made
	put("blackbox-20271120T000000.000Z-17-7f3a", staleBox+time.Hour)        // newest by name, old by age
	put("blackbox-20271120T000000.000Z-17-7f3a.mine", staleBox+time.Hour*2) // not ours
	put("deaths", staleBox+time.Hour*2)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	sweep(root, now)
	left, err := confined.Names(root)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := 4; i < mostBoxes+3; i++ {
		want = append(want, box(i))
	}
	want = append(want, "blackbox-20271120T000000.000Z-17-7f3a.mine", "crash-20261120T000500.000Z-17-7f3a", "crash-20261120T000500.000Z-19-7f3a", "deaths")
	if !slices.Equal(left, want) {
		t.Errorf("left %d: %q\nwant %d: %q", len(left), left, len(want), want)
	}
}
