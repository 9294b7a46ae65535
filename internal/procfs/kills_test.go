package procfs

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHostKills(t *testing.T) {
	root := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if id := BootID(root); id != "" {
		t.Errorf("boot ID %q of nothing", id)
	}
	if n, err := OOMKills(root); n != Unknown || err == nil {
		t.Errorf("%d kills of nothing, %v", n, err)
	}
	put("proc/sys/kernel/random/boot_id", "5d1c2a0e-7f3a-4b7e-9f55-1f2e3d4c5b6a\n")
	if id := BootID(root); id != "5d1c2a0e-7f3a-4b7e-9f55-1f2e3d4c5b6a" {
		t.Errorf("boot ID %q", id)
	}
	for text, want := range map[string]int64{
		"nr_free_pages 1\noom_kill 12\nallocstall 3\n": 12,
		"nr_free_pages 1\n":                            Unknown,
		"oom_kill \n":                                  Unknown,
		"oom_kill x\n":                                 Unknown,
		"oom_kill 99999999999999999999\n":              Unknown,
		"not_oom_kill 3\noom_kill 0\n":                 0,
	} {
		put("proc/vmstat", text)
		if n, err := OOMKills(root); n != want || err != nil {
			t.Errorf("%q: %d kills, %v; want %d", text, n, err, want)
		}
	}
}
