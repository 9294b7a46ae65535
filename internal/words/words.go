package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bytes returns an amount in the largest binary unit in which it is at least 1,
// such as '466.2 MiB', or '?' if it is negative, which means unknown.
func Bytes(n int64) string {
	switch {
	case n < 0:
		return "?"
	case n < 1<<10:
		return strconv.FormatInt(n, 10) + " B"
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
	}
}

// Count returns a number with a comma between thousands, such as '12,345', or
// '?' if it is negative, which means unknown.
func Count(n int64) string {
	if n < 0 {
		return "?"
	}
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Percent returns a share between 0 and 1 as a percentage without decimals. A
// small share is '<1%' rather than '0%'. NaN and infinities are '0%'.
func Percent(share float64) string {
	switch p := 100 * share; {
	case !(p > 0) || math.IsInf(p, 0): // the numbers of a foreign profile can be anything
		return "0%"
	case p < 1:
		return "<1%"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	}
}

// CutMiddle shortens a name to at most most bytes by replacing its middle with
// '…': the package is at its beginning, the function at its end.
func CutMiddle(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const gap = "…"
	keep := max(most-len(gap), 0)
	head, tail := keep/2, len(s)-(keep-keep/2)
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + gap + s[tail:]
}

// Clean makes a text printable and at most most bytes long. It cuts the text
// first, so that it does not look at a name of megabytes in full.
func Clean(s string, most int) string { return CutMiddle(Printable(CutMiddle(s, most)), most) }

// Printable escapes everything that a terminal would obey or a reader cannot
// see: control characters, ANSI escapes, and invisible or bidirectional
// characters. Line breaks and tabs become spaces. Names in foreign profiles can
// contain any of these.
func Printable(s string) string {
	clean := true
	for _, c := range s {
		if !strconv.IsPrint(c) || c == utf8.RuneError {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case c == '\n' || c == '\t' || c == '\u00a0':
			b.WriteByte(' ')
		case strconv.IsPrint(c):
			b.WriteRune(c)
		default:
			quoted := strconv.QuoteRuneToASCII(c)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// Span returns a duration as people say it, in at most two units: '40 min', '3
// h 20 min'. A negative duration is unknown, '?'.
func Span(d time.Duration) string {
	if d < 0 {
		return "?"
	}
	// Round first: 59.7 min is an hour.
	switch {
	case d > 0 && d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", max(d.Seconds()*1000, 0.1))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < 99500*time.Millisecond:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 100*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	case d < 48*time.Hour:
		return units(d.Round(time.Minute), time.Hour, "h", time.Minute, "min")
	default:
		return units(d.Round(time.Hour), 24*time.Hour, "d", time.Hour, "h")
	}
}

func units(d, big time.Duration, bigName string, small time.Duration, smallName string) string {
	if rest := d % big / small; rest > 0 {
		return fmt.Sprintf("%d %s %d %s", d/big, bigName, rest, smallName)
	}
	return fmt.Sprintf("%d %s", d/big, bigName)
}

// Foreign returns the text of a value of somebody else's code, such as the error of a
// sink or what it panicked with. Its methods may panic: then the text names its type.
func Foreign(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("a %T, whose text cannot be had", v)
		}
	}()
	if err, ok := v.(error); ok {
		return err.Error()
	}
	return fmt.Sprint(v)
}
