package jsonscan

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestSkipValue(t *testing.T) {
	for _, c := range []struct{ in, rest string }{
		{`1,`, ","}, {`-1.5e+3]`, "]"}, {`true}`, "}"}, {`null`, ""},
		{`"a\"b\\",x`, ",x"}, {`"\\\""`, ""}, {`{"a":[1,{"]":"}"}]} ,`, " ,"}, {`[]x`, "x"},
		{strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "!", "!"},
	} {
		if end := SkipValue([]byte(c.in), 0); end == Bad || c.in[end:] != c.rest {
			t.Errorf("%.30s: the value ends at %d, want %q to be left", c.in, end, c.rest)
		}
	}
	for _, in := range []string{``, `"`, `"\"`, `{`, `[1`, `}`, `,`, `{"a":"}`} {
		if end := SkipValue([]byte(in), 0); end != Bad {
			t.Errorf("%q is taken for a value that ends at %d", in, end)
		}
	}
}

func TestUintAndID(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint64
		ok   bool
	}{
		{"0", 0, true}, {"7,", 7, true}, {"18446744073709551615", math.MaxUint64, true},
		{"18446744073709551616", 0, false}, {"99999999999999999999", 0, false},
		{"", 0, false}, {"-1", 0, false}, {"01", 0, false}, {"1.5", 0, false}, {"1e9", 0, false},
	} {
		if v, end := Uint([]byte(c.in), 0); (end != Bad) != c.ok || v != c.want {
			t.Errorf("Uint(%q) = %d, %d", c.in, v, end)
		}
		if v, end := ID([]byte(`"`+strings.TrimSuffix(c.in, ",")+`"`), 0); (end != Bad) != c.ok || v != c.want {
			t.Errorf("ID of the string %q = %d, %d", c.in, v, end)
		}
	}
}

func TestLookup(t *testing.T) {
	const p = ` {"a":{"b":{"c":"no"},"c":1},"x":"y","b":{"c":"yes"},"esc":"a\"b"}`
	for _, c := range []struct{ path, want string }{
		{"b c", "yes"}, {"a b c", "no"}, {"x", "y"}, {"a c", ""}, {"x y", ""}, {"none", ""}, {"esc", ""},
	} {
		if got := Lookup([]byte(p), strings.Fields(c.path)...); got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

// Everything that encoding/json accepts is understood, and no offset is outside of the
// payload.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\\\"",{}],"b":null} `, `[]`, `"`, `{"a":1,}`, ` -0.5e9`, "{\"\x00\":\xff}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		at := SkipSpace(p, 0)
		end := SkipValue(p, at)
		if json.Valid(p) && (end == Bad || SkipSpace(p, end) != len(p)) {
			t.Fatalf("%q is JSON, and ends at %d", p, end)
		}
		if end != Bad && (end < at || end > len(p)) {
			t.Fatalf("%q ends at %d", p, end)
		}
		inside := func(i int) int {
			if i < at || i > len(p) {
				t.Fatalf("%q: led to %d", p, i)
			}
			return SkipValue(p, i)
		}
		members := Members(p, at, func(_ []byte, _, v int) int { return inside(v) })
		elements := Elements(p, at, inside)
		if json.Valid(p) && at < len(p) && (p[at] == '{' && members != end || p[at] == '[' && elements != end) {
			t.Fatalf("%q ends at %d, its members at %d, its elements at %d", p, end, members, elements)
		}
	})
}
