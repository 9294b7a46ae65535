package cgroup

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func throttleTree(t *testing.T, files map[string]string) *Memory {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestHigh(t *testing.T) {
	files := map[string]string{
		"proc/self/cgroup":                       "0::/pod/app\n",
		"proc/self/mountinfo":                    "1 0 0:30 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
		"sys/fs/cgroup/pod/memory.high":          "67108864\n",
		"sys/fs/cgroup/pod/memory.events":        "low 0\nhigh 363\nmax 0\noom 0\noom_kill 0\n",
		"sys/fs/cgroup/pod/memory.pressure":      "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
		"sys/fs/cgroup/pod/app/memory.current":   "1048576\n",
		"sys/fs/cgroup/pod/app/memory.high":      "max\n",
		"sys/fs/cgroup/pod/app/memory.events":    "low 0\nhigh 7\n",
		"sys/fs/cgroup/pod/app/memory.pressure":  "some avg10=12.00 avg60=3.45 avg300=0.70 total=1234567\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
		"sys/fs/cgroup/pod/app/memory.stat":      "anon 4096\n",
		"sys/fs/cgroup/memory.pressure":          "some avg10=0.00 avg60=0.00 avg300=0.00 total=2\n",
		"sys/fs/cgroup/pod/app/memory.max":       "134217728\n",
		"sys/fs/cgroup/pod/app/memory.swap.high": "1\n",
	}
	m := throttleTree(t, files)
	high, err := m.High()
	if want := (Limit{64 << 20, "/sys/fs/cgroup/pod", "memory.high"}); high != want || err != nil {
		t.Fatalf("%+v, %v; want %+v", high, err, want)
	}
	if limit, err := m.Limit(); limit.Bytes != 128<<20 || err != nil {
		t.Errorf("the limit that kills is %+v, %v", limit, err)
	}
	throttle, err := m.Throttle(high.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer throttle.Close()
	// The events are those of the group that throttles, the time lost is our own.
	events, stalled, err := throttle.Read()
	if events != 363 || stalled != 1234567*time.Microsecond || err != nil {
		t.Errorf("%d events, stalled for %v, %v", events, stalled, err)
	}
	if n := testing.AllocsPerRun(100, func() { throttle.Read() }); n != 0 {
		t.Errorf("%v allocations", n)
	}

	delete(files, "sys/fs/cgroup/pod/app/memory.pressure") // psi=0
	files["sys/fs/cgroup/pod/memory.events"] = "low 0\nmax 0\n"
	if throttle, err = throttleTree(t, files).Throttle(high.Path); err != nil {
		t.Fatal(err)
	}
	defer throttle.Close()
	if events, stalled, err := throttle.Read(); events != Unknown || stalled != Unknown || err != nil {
		t.Errorf("without rows: %d events, stalled for %v, %v", events, stalled, err)
	}
	// v1 has a soft limit, which throttles nobody.
	v1 := throttleTree(t, map[string]string{
		"proc/self/cgroup":                                  "9:memory:/a\n",
		"proc/self/mountinfo":                               "1 0 0:30 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
		"sys/fs/cgroup/memory/a/memory.usage_in_bytes":      "1048576\n",
		"sys/fs/cgroup/memory/a/memory.soft_limit_in_bytes": "67108864\n",
	})
	if high, err := v1.High(); high.Bytes != Unknown || err != nil {
		t.Errorf("v1: %+v, %v", high, err)
	}
}

func TestParseStalled(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n":  0,
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=12":   Unknown, // cut
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=12\n": Unknown,
		"some avg10=0.00\n": Unknown,
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=-1\n":                   Unknown,
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=9223372036854775807\n":  Unknown,
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=99999999999999999999\n": Unknown,
		"": Unknown,
	} {
		if got := parseStalled([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
