package cgroup

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		err  error
	}{
		{"0\n", 0, nil},
		{"4096", 4096, nil},
		{"4096\r\n", 4096, nil},
		{" 7 ", 7, nil},
		{"9223372036854775807\n", math.MaxInt64, nil},
		{"9223372036854775808\n", Unknown, errTooLarge},
		{"99999999999999999999999999\n", Unknown, errTooLarge},
		{"99999999999999999999999999x\n", Unknown, errNotNumber},
		{"", Unknown, errNotNumber},
		{"\n", Unknown, errNotNumber},
		{"-1", Unknown, errNotNumber},
		{"+1", Unknown, errNotNumber},
		{"1_000", Unknown, errNotNumber},
		{"1 2", Unknown, errNotNumber},
		{"max", Unknown, errNotNumber},
	} {
		if got, err := number([]byte(tt.text)); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("number(%q) = %d, %v; want %d, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestParseLimit(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
		err  error
	}{
		{"0\n", 0, nil},
		{"max\n", Unknown, nil},
		{"max\r\n", Unknown, nil},
		{"536870912\n", 512 << 20, nil},
		{"9223372036854771712\n", Unknown, nil}, // pages of 4 KiB
		{"9223372036854759424\n", Unknown, nil}, // 16 KiB
		{"9223372036854710272\n", Unknown, nil}, // 64 KiB
		{"9223372036854775807\n", Unknown, nil}, // before Linux 3.19
		{"18446744073709551615\n", Unknown, nil},
		{"8796093018112\n", Unknown, nil}, // 32-bit kernel
		{"8796093022208\n", 8 << 40, nil},
		{"4611686018427387903\n", 1<<62 - 1, nil},
		{"-1\n", Unknown, errLimit},
		{"Max\n", Unknown, errLimit},
		{"", Unknown, errLimit},
	} {
		if got, err := parseLimit([]byte(tt.text)); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("parseLimit(%q) = %d, %v; want %d, %v", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, tt := range []struct {
		name, root, rel string
		ok              bool
	}{
		{"/", "/", "/", true},
		{"/a/b", "/", "/a/b", true},
		{"/a/b", "/a", "/b", true},
		{"/a", "/a", "", true},
		{"/ab", "/a", "", false},
		{"/a", "/a/b", "", false},
		{"/", "/a", "", false},
		{"/../x", "/", "", false},
		{"/../../x", "/..", "", false},
		{"/../x", "/..", "/x", true},
		{"/a/../../x", "/a", "", false},
		{"/..a/b", "/", "/..a/b", true},
	} {
		if rel, ok := below(tt.name, tt.root); rel != tt.rel || ok != tt.ok {
			t.Errorf("below(%q, %q) = %q, %v; want %q, %v", tt.name, tt.root, rel, ok, tt.rel, tt.ok)
		}
	}
}

func TestStatArithmetic(t *testing.T) {
	const huge = math.MaxInt64
	for _, tt := range []struct {
		name                      string
		s                         Stat
		workingSet, unreclaimable int64
	}{
		{"plain", Stat{Usage: 100, InactiveFile: 30, ActiveFile: 20, Dirty: 5, Writeback: 1}, 70, 50},
		{"dirty not told", Stat{Usage: 100, InactiveFile: 30, ActiveFile: 20, Dirty: Unknown, Writeback: Unknown}, 70, 50},
		{"more cache than usage", Stat{Usage: 100, InactiveFile: 130, ActiveFile: 20}, 0, 0},
		{"all of it dirty", Stat{Usage: 100, InactiveFile: 3, ActiveFile: 2, Dirty: 50, Writeback: 9}, 97, 95},
		{"overflow of the cache", Stat{Usage: 100, InactiveFile: huge, ActiveFile: huge}, 0, 0},
		{"no usage", Stat{Usage: Unknown, InactiveFile: 1, ActiveFile: 2}, Unknown, Unknown},
		{"no active file", Stat{Usage: 100, InactiveFile: 1, ActiveFile: Unknown}, 99, Unknown},
		{"nothing", unknownStat, Unknown, Unknown},
	} {
		if got := tt.s.WorkingSet(); got != tt.workingSet {
			t.Errorf("%s: working set %d, want %d", tt.name, got, tt.workingSet)
		}
		if got := tt.s.Unreclaimable(); got != tt.unreclaimable {
			t.Errorf("%s: unreclaimable %d, want %d", tt.name, got, tt.unreclaimable)
		}
	}
}

// FuzzNumber compares with math/big, which has no bounds.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0\n", "18446744073709551615\n", "9223372036854775807", "max", "1\r\n", "-3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := number(text)
		digits := string(bytes.TrimSpace(text))
		if digits == "" || strings.Trim(digits, "0123456789") != "" {
			if !errors.Is(err, errNotNumber) || got != Unknown {
				t.Fatalf("number(%q) = %d, %v", text, got, err)
			}
			return
		}
		want, _ := new(big.Int).SetString(digits, 10)
		switch {
		case !want.IsInt64() && (!errors.Is(err, errTooLarge) || got != Unknown):
			t.Fatalf("number(%q) = %d, %v; want %v too large", text, got, err, want)
		case want.IsInt64() && (err != nil || got != want.Int64()):
			t.Fatalf("number(%q) = %d, %v; want %v", text, got, err, want)
		}
		if limit, err := parseLimit(text); err != nil || limit >= noLimit {
			t.Fatalf("parseLimit(%q) = %d, %v", text, limit, err)
		}
	})
}

// naiveStat reads memory.stat in the obvious way.
func naiveStat(text string, version int) Stat {
	names := map[int][]string{
		1: {"total_rss", "total_cache", "total_shmem", "total_unevictable", "no such row", "total_inactive_file", "total_active_file", "total_dirty", "total_writeback", "no such row", "no such row"},
		2: {"anon", "file", "shmem", "unevictable", "kernel", "inactive_file", "active_file", "file_dirty", "file_writeback", "slab", "sock"},
	}
	rows := map[string]int64{}
	kernel := new(big.Int).SetInt64(Unknown)
	lines := strings.Split(text, "\n")
	for _, line := range lines[:len(lines)-1] {
		key, value, ok := strings.Cut(line, " ")
		value = strings.TrimSpace(value)
		if n, err := strconv.ParseInt(value, 10, 64); ok && err == nil && value[0] != '-' && value[0] != '+' {
			rows[key] = n
			switch key {
			case "kernel_stack", "pagetables", "sec_pagetables", "percpu", "slab":
				if kernel.Sign() < 0 {
					kernel.SetInt64(0)
				}
				kernel.Add(kernel, big.NewInt(n))
			}
		}
	}
	s := unknownStat
	for i, field := range []*int64{&s.Anon, &s.File, &s.Shmem, &s.Unevictable, &s.Kernel, &s.InactiveFile, &s.ActiveFile, &s.Dirty, &s.Writeback, &s.Slab, &s.Sock} {
		if n, ok := rows[names[version][i]]; ok {
			*field = n
		}
	}
	if version == 2 && s.Kernel == Unknown {
		s.Kernel = math.MaxInt64
		if kernel.IsInt64() {
			s.Kernel = kernel.Int64()
		}
	}
	return s
}

func FuzzStat(f *testing.F) {
	f.Add("anon 4096\nfile 8192\nkernel 1\nfile_dirty 2\ninactive_file 3\nactive_file 4\nunevictable 0\nshmem 9", int64(9000))
	f.Add("kernel_stack 4096\npagetables 9223372036854775807\nsock 3\nslab 5\nslab 6\n", int64(0))
	f.Add("cache 1\ntotal_cache 12288\ntotal_rss 4096\r\ntotal_dirty 9223372036854775808\n\n \ntotal_inactive_file -1\n", int64(0))
	f.Fuzz(func(t *testing.T, text string, usage int64) {
		for version := 1; version <= 2; version++ {
			s := unknownStat
			s.parse([]byte(text), version)
			if want := naiveStat(text, version); s != want {
				t.Fatalf("v%d: got %+v, want %+v", version, s, want)
			}
			s.Usage = max(usage, Unknown)
			for name, n := range map[string]int64{"working set": s.WorkingSet(), "unreclaimable": s.Unreclaimable()} {
				if n < Unknown || n > s.Usage {
					t.Fatalf("v%d: %s %d of %+v", version, name, n, s)
				}
			}
		}
	})
}

// FuzzMembership assembles a line and parses it again, and parses arbitrary text.
func FuzzMembership(f *testing.F) {
	f.Add("4:memory:/a:b", "cpu", "/system.slice:x:y")
	f.Add("0::/", "name=memory", "/../..")
	f.Fuzz(func(t *testing.T, line, controller, group string) {
		if version, name, ok := parseMembership(line); ok {
			if version != 1 && version != 2 || !strings.HasPrefix(name, "/") || !strings.HasSuffix(line, ":"+name) {
				t.Fatalf("parseMembership(%q) = %d, %q", line, version, name)
			}
		}
		if strings.ContainsAny(controller, ":,") || controller == "memory" {
			return
		}
		group = "/" + group
		if version, name, ok := parseMembership("4:" + controller + ",memory:" + group); !ok || version != 1 || name != group {
			t.Fatalf("v1 group %q read as %d, %q, %v", group, version, name, ok)
		}
		if version, name, ok := parseMembership("0::" + group); !ok || version != 2 || name != group {
			t.Fatalf("v2 group %q read as %d, %q, %v", group, version, name, ok)
		}
		if _, _, ok := parseMembership("4:" + controller + ":" + group); ok {
			t.Fatalf("controller %q taken for memory", controller)
		}
	})
}

// kernelEscape escapes like the kernel's seq_path does for a path in mountinfo.
var kernelEscape = strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`)

// FuzzMount assembles a line as the kernel does and parses it again, and parses
// arbitrary text.
func FuzzMount(f *testing.F) {
	f.Add(`36 35 0:31 /a\040b /sys/fs/cgroup/memory rw master:1 - cgroup cgroup rw,memory`, "docker/a b", `run-x\x2dy`, "master:1", false)
	f.Add(`1 2 - cgroup2`, "..", "", "", true)
	f.Fuzz(func(t *testing.T, line, root, point, optional string, two bool) {
		if m, ok := parseMount(line); ok {
			if m.version != 1 && m.version != 2 || m.root == "" || m.root[0] != '/' || m.point == "" || m.point[0] != '/' ||
				strings.Contains(m.point+"/", "/../") {
				t.Fatalf("parseMount(%q) = %+v", line, m)
			}
		}
		if unescape(kernelEscape.Replace(line)) != line {
			t.Fatalf("unescape(%q) is not %q", kernelEscape.Replace(line), line)
		}
		if strings.Contains(" "+optional+" ", " - ") {
			return // no optional field is called '-', which ends them
		}
		want := mount{version: 1, root: "/" + root, point: "/mnt" + strings.ReplaceAll(point, "/", "|")}
		tail := " - cgroup  rw,cpu,memory"
		if two {
			want.version, tail = 2, " - cgroup2 cgroup2 rw,nsdelegate"
		}
		text := "36 35 0:31 " + kernelEscape.Replace(want.root) + " " + kernelEscape.Replace(want.point) + " rw,relatime " + optional + tail
		if m, ok := parseMount(text); !ok || m != want {
			t.Fatalf("parseMount(%q) = %+v, %v; want %+v", text, m, ok, want)
		}
	})
}
