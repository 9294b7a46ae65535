package profile

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// amount is a quantity of a comparison in words.
func amount(n int64, unit string) string {
	sign := ""
	if n < 0 {
		sign, n = "−", -max(n, -1<<62)
	}
	switch unit {
	case UnitBytes:
		return sign + Bytes(n).String()
	case UnitNS:
		return sign + span(time.Duration(n))
	case UnitMilliCPU:
		return sign + MilliCPU(n).String()
	case UnitPerSecond:
		return sign + Count(n).String() + "/s"
	}
	return sign + Count(n).String()
}

// growth is an amount with its sign.
func growth(c Change, unit string) string {
	if c.Growth() > 0 {
		return "+" + amount(c.Growth(), unit)
	}
	return amount(c.Growth(), unit)
}

// change is before and after, and what was added.
func change(c Change, unit string) string {
	return fmt.Sprintf("%s → %s (%s)", amount(c.Before, unit), amount(c.After, unit), growth(c, unit))
}

// percent is a share. What is there is not called 0%.
func percent(share float64) string {
	share = finite(share)
	switch p := 100 * share; {
	case p <= 0:
		return "0%"
	case p < 1:
		return "<1%"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	}
}

// sureness is a confidence in words; see [Suspect].
func sureness(confidence float64) string {
	switch c := finite(confidence); {
	case c >= 0.9:
		return "as good as proven"
	case c >= 0.7:
		return "likely"
	case c >= 0.5:
		return "possible"
	default:
		return "a guess"
	}
}

// cutMiddle shortens a name to at most so many bytes. Its middle goes: the
// package is at its beginning, the function at its end.
func cutMiddle(s string, most int) string {
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

// clean makes a text printable and at most so many bytes long. It is cut first, so
// that a name of megabytes is not looked at in full.
func clean(s string, most int) string { return cutMiddle(printable(cutMiddle(s, most)), most) }

// printable replaces what a terminal obeys and what a reader cannot see: control
// characters and ANSI escapes, line breaks, invisible and bidirectional ones. A
// name out of a foreign profile can hold any of them.
func printable(s string) string {
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
