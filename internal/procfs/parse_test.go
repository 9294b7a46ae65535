package procfs

import (
	"math"
	"strconv"
	"strings"
	"testing"
)

func TestParseStatm(t *testing.T) {
	for _, tt := range []struct {
		text             string
		resident, shared int64
		ok               bool
	}{
		{"765 428 399 5 0 123 0\n", 428, 399, true},
		{"765 428 0 0 0 0 0", 428, 0, true},
		{"765 428 399", 0, 0, false}, // truncated: it may have been 3990
		{"765 428 429 5 0 123 0\n", 0, 0, false},
		{"765 -1 399 5\n", 0, 0, false},
		{"765 99999999999999999999 399 5\n", 0, 0, false},
		{"765  399 5\n", 0, 0, false},
		{"\n", 0, 0, false},
		{"", 0, 0, false},
	} {
		resident, shared, ok := parseStatm([]byte(tt.text))
		if ok != tt.ok || ok && (resident != tt.resident || shared != tt.shared) {
			t.Errorf("parseStatm(%q) = %d, %d, %v; want %d, %d, %v", tt.text, resident, shared, ok, tt.resident, tt.shared, tt.ok)
		}
	}
}

func TestParseStatus(t *testing.T) {
	u := unknownStat
	for _, tt := range []struct {
		name, text string
		want       Stat
		taken      int
	}{
		{"whole", "Name:\tx\nVmRSS:\t    1696 kB\nRssAnon:\t     112 kB\nRssShmem:\t       4 kB\nThreads:\t3\n", Stat{1696 << 10, 112 << 10, 4 << 10, 3}, 4},
		{"CRLF", "VmRSS:\t1 kB\r\nThreads:\t3\r\n", Stat{1024, Unknown, Unknown, 3}, 2},
		{"cut in the last number", "VmRSS:\t1 kB\nThreads:\t3", Stat{1024, Unknown, Unknown, Unknown}, 1},
		{"no unit", "VmRSS:\t1696\nRssAnon:\t1 MB\nThreads:\t3 kB\n", u, 0},
		{"too large", "VmRSS:\t9007199254740992 kB\nRssAnon:\t9007199254740991 kB\nThreads:\t99999999999999999999\n", Stat{Unknown, math.MaxInt64 - 1023, Unknown, Unknown}, 1},
		{"negative", "VmRSS:\t-1 kB\n", u, 0},
		{"a name that imitates", "Name:\tVmRSS:\n\n:\nVmRSS\n", u, 0},
		{"empty", "", u, 0},
	} {
		s := unknownStat
		if taken := s.parse([]byte(tt.text)); taken != tt.taken || s != tt.want {
			t.Errorf("%s: %d rows, %+v; want %d, %+v", tt.name, taken, s, tt.taken, tt.want)
		}
	}
}

// naive reads a file of rows 'key: value kB' in the obvious way.
func naive(text string) map[string]int64 {
	got := map[string]int64{}
	lines := strings.Split(text, "\n")
	for _, line := range lines[:len(lines)-1] {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		scale := int64(1)
		if digits, ok := strings.CutSuffix(value, " kB"); ok {
			value, scale = digits, 1024
		}
		n, err := strconv.ParseUint(value, 10, 63)
		if err == nil && int64(n) <= math.MaxInt64/scale && (scale == 1024) != (key == "Threads") {
			got[key] = int64(n) * scale
		}
	}
	return got
}

func want(rows map[string]int64, key string) int64 {
	if n, ok := rows[key]; ok {
		return n
	}
	return Unknown
}

func FuzzStatus(f *testing.F) {
	f.Add("VmRSS:\t    1696 kB\nRssAnon:\t     112 kB\r\nRssShmem:\t 9007199254740992 kB\nThreads:\t3\n")
	f.Add("VmRSS:\t kB\nThreads: 3 kB\nVmRSS: 2 kB\nRssAnon:\t1")
	f.Fuzz(func(t *testing.T, text string) {
		s := unknownStat
		s.parse([]byte(text))
		rows := naive(text)
		if w := (Stat{want(rows, "VmRSS"), want(rows, "RssAnon"), want(rows, "RssShmem"), want(rows, "Threads")}); s != w {
			t.Fatalf("got %+v, want %+v", s, w)
		}
	})
}

func FuzzMeminfo(f *testing.F) {
	f.Add("MemTotal:       24684092 kB\nMemFree:        24190736 kB\nMemAvailable:   24179400 kB\nBuffers: 1 kB\n")
	f.Add("MemAvailable: -1 kB\nMemTotal: 18446744073709551615 kB\r\nMemTotal: 4 kB")
	f.Fuzz(func(t *testing.T, text string) {
		total, available := parseMeminfo([]byte(text))
		if total < Unknown || available < Unknown {
			t.Fatal(total, available)
		}
		rows := naive(text)
		if strings.Count(text, "MemAvailable") > 1 || strings.Count(text, "MemTotal") > 1 ||
			strings.Index(text, "MemTotal") > strings.Index(text, "MemAvailable") {
			return // no kernel writes that
		}
		if total != want(rows, "MemTotal") || available != want(rows, "MemAvailable") {
			t.Fatalf("got %d, %d; want %v", total, available, rows)
		}
	})
}

func FuzzStatm(f *testing.F) {
	f.Add("765 428 399 5 0 123 0\n", int64(428), int64(399))
	f.Fuzz(func(t *testing.T, text string, resident, shared int64) {
		if r, s, ok := parseStatm([]byte(text)); ok {
			fields := strings.Split(text, " ")
			if r < s || s < 0 || strings.TrimLeft(fields[1], "0") != strings.TrimLeft(strconv.FormatInt(r, 10), "0") {
				t.Fatalf("parseStatm(%q) = %d, %d", text, r, s)
			}
		}
		line := "1 " + strconv.FormatInt(resident, 10) + " " + strconv.FormatInt(shared, 10) + " 0 0 0 0\n"
		r, s, ok := parseStatm([]byte(line))
		if possible := 0 <= shared && shared <= resident; ok != possible || ok && (r != resident || s != shared) {
			t.Fatalf("parseStatm(%q) = %d, %d, %v", line, r, s, ok)
		}
	})
}
