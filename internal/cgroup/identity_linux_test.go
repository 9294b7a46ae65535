package cgroup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	m := &Memory{root: dir, group: group{dir: "/a"}}
	if id := m.Identity(); id != "" {
		t.Errorf("identity %q of a group that is not there", id)
	}
	path := filepath.Join(dir, "a")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	first := m.Identity()
	if first == "" || m.Identity() != first {
		t.Errorf("identity %q, then %q", first, m.Identity())
	}
	// Keep the old one, so that its inode number is taken.
	if err := os.Rename(path, path+"-old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if second := m.Identity(); second == "" || second == first {
		t.Errorf("identity %q of another group, the first was %q", second, first)
	}
}
