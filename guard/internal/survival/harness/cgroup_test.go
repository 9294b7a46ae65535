//go:build linux

package harness

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindHierarchy(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string // below root; "" expects an error
		v2    bool
	}{
		{"v1, own group", map[string]string{
			"proc/self/cgroup": "4:memory:/a/b\n0::/\n", "sys/fs/cgroup/memory/a/b/cgroup.procs": ""}, "sys/fs/cgroup/memory/a/b", false},
		{"v1, a container that cannot see its path", map[string]string{
			"proc/self/cgroup": "4:memory:/docker/x\n", "sys/fs/cgroup/memory/cgroup.procs": ""}, "sys/fs/cgroup/memory", false},
		{"v2, the parent hands memory down", map[string]string{
			"proc/self/cgroup": "0::/user.slice/job:1\n",
			"sys/fs/cgroup/user.slice/job:1/cgroup.procs":     "",
			"sys/fs/cgroup/user.slice/cgroup.subtree_control": "cpu memory pids\n",
			"sys/fs/cgroup/cgroup.subtree_control":            "memory\n"}, "sys/fs/cgroup/user.slice", true},
		{"v2, only the root does", map[string]string{
			"proc/self/cgroup":                       "1:name=systemd:/\n0::/a/b\n",
			"sys/fs/cgroup/a/cgroup.subtree_control": "cpu memory_recursiveprot\n",
			"sys/fs/cgroup/cgroup.subtree_control":   "memory\n"}, "sys/fs/cgroup", true},
		{"v2 without memory", map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.subtree_control": "hugetlb\n"}, "", true},
		{"no cgroups", nil, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			for name, data := range tt.files {
				path := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			h, err := FindHierarchy(root)
			if tt.want == "" {
				if err == nil {
					t.Fatalf("found %+v, want an error", h)
				}
				return
			}
			if want := (Hierarchy{filepath.Join(root, tt.want), tt.v2}); err != nil || h != want {
				t.Errorf("got %+v, %v; want %+v", h, err, want)
			}
		})
	}
}

func TestKills(t *testing.T) {
	for _, tt := range []struct {
		file, data string
		v2         bool
		want       int // negative expects an error
	}{
		{"memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", false, 2},
		{"memory.events", "low 0\nhigh 0\nmax 31\noom 3\noom_kill 1\noom_group_kill 0\n", true, 1},
		{"memory.events", "oom 3\n", true, -1},
		{"memory.oom_control", "oom_kill 2\n", true, -1},
	} {
		g := Group{Hierarchy: Hierarchy{V2: tt.v2}, Path: t.TempDir()}
		if err := os.WriteFile(filepath.Join(g.Path, tt.file), []byte(tt.data), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := g.Kills(); (err != nil) != (tt.want < 0) || err == nil && n != tt.want {
			t.Errorf("%s, v2 %v: %d kills, %v; want %d", tt.file, tt.v2, n, err, tt.want)
		}
	}
}
