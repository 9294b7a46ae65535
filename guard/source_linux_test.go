package guard

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// v1 replaces the group of fakeKernel by one of version 1 with 256 MiB.
var v1 = map[string]string{
	"proc/self/cgroup":                           "9:memory:/docker/4f1f\n0::/\n",
	"proc/self/mountinfo":                        "1 0 0:30 /docker/4f1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
	"sys/fs/cgroup/memory/memory.usage_in_bytes": "104857600\n",
	"sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
	"sys/fs/cgroup/memory/memory.stat": "hierarchical_memory_limit 268435456\ntotal_cache 20971520\ntotal_rss 73400320\ntotal_shmem 0\n" +
		"total_dirty 1048576\ntotal_writeback 0\ntotal_inactive_file 10485760\ntotal_active_file 10485760\ntotal_unevictable 0\n",
}

// write puts files below root; what is "" is removed.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if text == "" {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// told collects what a source tells.
type told []string

func (l *told) tell(part string, err error) { *l = append(*l, part+": "+err.Error()) }

func openSource(t *testing.T, root string, limit int64) (*source, *told) {
	t.Helper()
	lines := new(told)
	s := newSource(root, limit, lines.tell)
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s, lines
}

func TestSourceFindsLimits(t *testing.T) {
	const none, host = profile.Unknown, 16_000_000 << 10
	page := int64(os.Getpagesize())
	processes := (20000-4000)*page + 0 // anonymous pages of fakeKernel's statm
	for _, test := range []struct {
		name          string
		files         map[string]string
		configured    int64
		gomemlimit    int64
		kill          int64
		source, path  string
		unreclaimable int64
	}{
		{"cgroup v2", nil, 0, none, 512 * mib, "cgroup v2", "memory.max", 100*mib - 1*mib},
		{"cgroup v1", v1, 0, none, 256 * mib, "cgroup v1", "memory.limit_in_bytes", 100*mib - 20*mib},
		{"GOMEMLIMIT beside it", nil, 0, 460 * mib, 512 * mib, "cgroup v2", "memory.max", 99 * mib},
		// In a pod whose limit is above the container's group, what the
		// other containers hold counts too.
		{"a limit above", map[string]string{
			"proc/self/cgroup":                     "0::/pod/app\n",
			"sys/fs/cgroup/memory.max":             "max\n",
			"sys/fs/cgroup/pod/memory.max":         "314572800\n",
			"sys/fs/cgroup/pod/memory.current":     "209715200\n",
			"sys/fs/cgroup/pod/memory.stat":        "anon 209715200\nfile 0\ninactive_file 0\nactive_file 0\n",
			"sys/fs/cgroup/pod/app/memory.max":     "max\n",
			"sys/fs/cgroup/pod/app/memory.current": "52428800\n",
			"sys/fs/cgroup/pod/app/memory.stat":    "anon 52428800\nfile 0\ninactive_file 0\nactive_file 0\n",
		}, 0, none, 300 * mib, "cgroup v2", "memory.max", 200 * mib},
		// A limit that was configured is still about all of the group.
		{"configured", nil, 300 * mib, none, 300 * mib, "config", "", 99 * mib},
		{"configured, without a group", map[string]string{"proc/self/cgroup": ""}, 300 * mib, none, 300 * mib, "config", "", processes},
		{"no limit in the group", map[string]string{"sys/fs/cgroup/memory.max": "max\n"}, 0, none, host, "host", "", processes},
		{"a limit above the host's memory", map[string]string{"sys/fs/cgroup/memory.max": "99999999999999\n"}, 0, none, host, "host", "", processes},
		{"no group", map[string]string{"proc/self/cgroup": "", "sys": ""}, 0, none, host, "host", "", processes},
		{"no group, GOMEMLIMIT", map[string]string{"proc/self/cgroup": "", "sys": ""}, 0, 460 * mib, host, "host", "", processes},
		{"GOMEMLIMIT only", map[string]string{"proc": "", "sys": ""}, 0, 460 * mib, none, "", "", -2},
		{"nothing, as on Windows", map[string]string{"proc": "", "sys": ""}, 0, none, none, "", "", -2},
		{"the limit cannot be parsed", map[string]string{"sys/fs/cgroup/memory.max": "plenty\n"}, 0, none, host, "host", "", processes},
		{"no memory.stat", map[string]string{"sys/fs/cgroup/memory.stat": ""}, 0, none, 512 * mib, "cgroup v2", "memory.max", processes},
	} {
		t.Run(test.name, func(t *testing.T) {
			limit := int64(math.MaxInt64)
			if test.gomemlimit > 0 {
				limit = test.gomemlimit
			}
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(limit))
			root := fakeKernel(t)
			write(t, root, test.files)
			s, _ := openSource(t, root, test.configured)
			var r incident.Reading
			s.read(time.Now(), &r)
			l := s.limits
			if l.Kill != test.kill || l.KillSource != test.source || l.GOMEMLIMIT != test.gomemlimit ||
				filepath.Base(l.KillPath) != filepath.Base(test.path) {
				t.Errorf("limits %+v", l)
			}
			if want := max(test.kill, none); int64(r.Limit) != want {
				t.Errorf("the reading's limit is %v", r.Limit)
			}
			want := profile.Bytes(test.unreclaimable)
			if test.unreclaimable == -2 {
				want = r.Sys - r.HeapReleased
			}
			if r.Unreclaimable != want {
				t.Errorf("unreclaimable %v, want %v", r.Unreclaimable, want)
			}
		})
	}
}

func TestSourceReadsEverything(t *testing.T) {
	s, lines := openSource(t, fakeKernel(t), 0)
	r := incident.NewReading(time.Time{})
	now := time.Now()
	s.read(now, &r)
	page := profile.Bytes(os.Getpagesize())
	for name, got := range map[string][2]profile.Bytes{
		"RSS": {r.RSS, 20000 * page}, "RSSAnon": {r.RSSAnon, 16000 * page},
		"CgroupUsage": {r.CgroupUsage, 100 * mib}, "CgroupWorkingSet": {r.CgroupWorkingSet, 100*mib - 524288},
		"CgroupAnon": {r.CgroupAnon, 80 * mib}, "CgroupFile": {r.CgroupFile, mib}, "CgroupShmem": {r.CgroupShmem, 0},
		"HostAvailable": {r.HostAvailable, 8_000_000 << 10}, "host used": {profile.Bytes(s.used), 8_000_000 << 10},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is %v, want %v", name, got[0], got[1])
		}
	}
	if !r.Time.Equal(now) || r.CPUTime <= 0 || !r.HeapAlloc.Known() || r.Goroutines < 1 {
		t.Errorf("of the runtime: %+v", r)
	}
	// What changes slowly is read once a second, and the first reading of it
	// comes too late for itself.
	s.read(now.Add(slowEvery), &r)
	if r.RSSShmem != 0 {
		t.Errorf("RSSShmem is %v", r.RSSShmem)
	}
	if len(*lines) > 0 {
		t.Errorf("told %q", *lines)
	}
}

// Containers are resized in place: the limits are read again once a minute.
func TestSourceReadsLimitsAgain(t *testing.T) {
	root := fakeKernel(t)
	s, _ := openSource(t, root, 0)
	var r incident.Reading
	now := time.Now()
	s.read(now, &r)
	write(t, root, map[string]string{"sys/fs/cgroup/memory.max": "1073741824\n"})
	if s.read(now.Add(59*time.Second), &r); s.limits.Kill != 512*mib {
		t.Errorf("after 59 s the limit is %v", r.Limit)
	}
	if s.read(now.Add(60*time.Second), &r); r.Limit != 1024*mib {
		t.Errorf("after 60 s the limit is %v", r.Limit)
	}
	// By the monotonic clock: a step of the wall clock neither hastens nor
	// delays it.
	write(t, root, map[string]string{"sys/fs/cgroup/memory.max": "536870912\n"})
	if s.read(stepWall(t, now.Add(61*time.Second), 7200), &r); r.Limit != 1024*mib {
		t.Errorf("a step of the clock had the limit read again: %v", r.Limit)
	}
	if s.read(stepWall(t, now.Add(121*time.Second), -7200), &r); r.Limit != 512*mib {
		t.Errorf("a step back delays it: %v", r.Limit)
	}
}

// A part that fails is unknown, told once, and found again when it is back.
func TestSourceOfWhichPartsFail(t *testing.T) {
	for part, test := range map[string]struct {
		file    string
		unknown func(r *incident.Reading) profile.Bytes
		told    string
	}{
		"cgroup usage": {"sys/fs/cgroup/memory.current", func(r *incident.Reading) profile.Bytes { return r.CgroupUsage }, "cgroup: "},
		"process":      {"proc/self/statm", func(r *incident.Reading) profile.Bytes { return r.RSSAnon }, "process: "},
		"status":       {"proc/self/status", func(r *incident.Reading) profile.Bytes { return r.RSSShmem }, "process status: "},
		"host":         {"proc/meminfo", func(r *incident.Reading) profile.Bytes { return r.HostAvailable }, "host: "},
	} {
		t.Run(part, func(t *testing.T) {
			root := fakeKernel(t)
			before, err := os.ReadFile(filepath.Join(root, test.file))
			if err != nil {
				t.Fatal(err)
			}
			s, lines := openSource(t, root, 0)
			var r incident.Reading
			now := time.Now()
			look := func() { now = now.Add(slowEvery); s.read(now, &r) }
			look()
			look()
			if !test.unknown(&r).Known() {
				t.Fatal("unknown from the beginning")
			}
			if err := os.Truncate(filepath.Join(root, test.file), 0); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				look()
			}
			if test.unknown(&r).Known() {
				t.Errorf("%s is gone and known", test.file)
			}
			if len(*lines) != 1 || !strings.HasPrefix((*lines)[0], test.told) {
				t.Errorf("told %d times: %.3q", len(*lines), *lines)
			}
			if s.limits.Kill != 512*mib {
				t.Errorf("the limit is forgotten: %d", s.limits.Kill)
			}
			// The other parts go on.
			if !r.HeapAlloc.Known() || !r.Unreclaimable.Known() {
				t.Errorf("heap %v, unreclaimable %v", r.HeapAlloc, r.Unreclaimable)
			}
			write(t, root, map[string]string{test.file: string(before)})
			look()
			look()
			if !test.unknown(&r).Known() {
				t.Errorf("%s is back and not known", test.file)
			}
		})
	}
}

// A process can be moved to another group, whose files are others.
func TestSourceFindsItsGroupAgain(t *testing.T) {
	root := fakeKernel(t)
	s, _ := openSource(t, root, 0)
	var r incident.Reading
	now := time.Now()
	s.read(now, &r)
	usage := filepath.Join(root, "sys/fs/cgroup/memory.current")
	if err := os.Truncate(usage, 0); err != nil {
		t.Fatal(err)
	}
	write(t, root, map[string]string{
		"sys/fs/cgroup/memory.current": "", "proc/self/cgroup": "0::/b\n",
		"sys/fs/cgroup/b/memory.current": "1048576\n", "sys/fs/cgroup/b/memory.max": "2097152\n", "sys/fs/cgroup/b/memory.stat": "anon 4096\n",
	})
	if s.read(now.Add(second), &r); r.CgroupUsage.Known() {
		t.Error("the usage of a group that is gone is known")
	}
	s.read(now.Add(limitsEvery), &r)
	if s.read(now.Add(limitsEvery+second), &r); r.CgroupUsage != mib || r.Limit != 2*mib {
		t.Errorf("in the new group usage is %v of %v", r.CgroupUsage, r.Limit)
	}
}

// A limit that cannot be read any more is still there.
func TestSourceKeepsTheLastKnownLimit(t *testing.T) {
	root := fakeKernel(t)
	s, lines := openSource(t, root, 0)
	var r incident.Reading
	now := time.Now()
	s.read(now, &r)
	write(t, root, map[string]string{"sys/fs/cgroup/memory.max": "plenty\n"})
	for i := range 5 {
		if s.read(now.Add(time.Duration(i)*limitsEvery), &r); r.Limit != 512*mib {
			t.Fatalf("after %d minutes the limit is %v", i, r.Limit)
		}
	}
	if len(*lines) != 1 || !strings.HasPrefix((*lines)[0], "cgroup limit: ") {
		t.Errorf("told %q", *lines)
	}
}

func TestSourceReadAllocatesNothing(t *testing.T) {
	for name, root := range map[string]string{"this system": "/", "cgroup v2": fakeKernel(t)} {
		s, _ := openSource(t, root, 0)
		var r incident.Reading
		now := time.Now()
		s.read(now, &r)
		if n := testing.AllocsPerRun(1000, func() { now = now.Add(10 * time.Millisecond); s.read(now, &r) }); n != 0 {
			t.Errorf("%s: %v allocations a reading", name, n)
		}
	}
}

// A reading of everything, runtime, cgroup, procfs and CPU time, on this system;
// the slow parts at their pace of once a second where one is taken every 10 ms.
func BenchmarkReading(b *testing.B) {
	s := newSource("/", 0, func(part string, err error) { b.Log(part, err) })
	defer s.close()
	var r incident.Reading
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(10 * time.Millisecond)
		s.read(now, &r)
	}
}

func BenchmarkReadMemStats(b *testing.B) {
	var m runtime.MemStats
	b.ReportAllocs()
	for b.Loop() {
		runtime.ReadMemStats(&m)
	}
}
