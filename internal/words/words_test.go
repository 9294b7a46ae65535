package words

import (
	"errors"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1: "?", 0: "0 ms", 300 * time.Microsecond: "0.3 ms", 254 * time.Millisecond: "254 ms", 2 * time.Second: "2 s", 2500 * time.Millisecond: "2.5 s", 59 * time.Second: "59 s",
		99 * time.Second: "99 s", 40 * time.Minute: "40 min", 99 * time.Minute: "99 min", 200 * time.Minute: "3 h 20 min", 26 * time.Hour: "26 h", 72 * time.Hour: "3 d", 75*time.Hour + 20*time.Minute: "3 d 3 h",
	} {
		if got := Span(d); got != want {
			t.Errorf("span(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"main.f":          "main.f",
		"Größe → 界":       "Größe → 界",
		"\x1b[31m":        `\x1b[31m`,
		"a\tb\nc":         "a b c",
		"\u202egnp":       `\u202egnp`,
		"\xff":            "\ufffd",
		"\U000e0001":      `\U000e0001`,
		"\x9b":            "\ufffd",
		"\u009b31m":       `\u009b31m`,
		"zero\u200bwidth": `zero\u200bwidth`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCutMiddle(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"short", 10, "short"},
		{"abcdefghij", 9, "abc…hij"},
		{"界界界界", 9, "界…界"},
		{"abc", 3, "abc"},
		{"abcdef", 0, "…"},
	} {
		if got := CutMiddle(c.in, c.most); got != c.want {
			t.Errorf("cutMiddle(%q, %d) = %q, want %q", c.in, c.most, got, c.want)
		}
	}
}

type hostile struct{}

func (h hostile) Error() string { panic(h) }

type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }

func TestForeign(t *testing.T) {
	for want, v := range map[string]any{
		"refused": errors.New("refused"), "7": 7, "a words.hostile, whose text cannot be had": hostile{},
		"a *words.pointer, whose text cannot be had": (*pointer)(nil),
	} {
		if got := Foreign(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
