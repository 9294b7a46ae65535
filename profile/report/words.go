package report

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

const ofCore = " of a core"

// amount puts a value of a comparison into words.
func amount(n int64, unit profile.Unit) string {
	sign := ""
	if n < 0 {
		sign, n = "−", -max(n, -1<<62)
	}
	switch unit {
	case profile.UnitBytes:
		return sign + profile.Bytes(n).String()
	case profile.UnitNS:
		return sign + words.Span(time.Duration(n))
	case profile.UnitMilliCPU:
		return sign + profile.MilliCPU(n).String()
	case profile.UnitPerSecond:
		return sign + profile.Count(n).String() + "/s"
	}
	return sign + profile.Count(n).String()
}

// growth is the growth with its sign.
func growth(c incident.Change, unit profile.Unit) string {
	if c.Growth() > 0 {
		return "+" + amount(c.Growth(), unit)
	}
	return amount(c.Growth(), unit)
}

// change is the values before and after, and the growth.
func change(c incident.Change, unit profile.Unit) string {
	return fmt.Sprintf("%s → %s (%s)", amount(c.Before, unit), amount(c.After, unit), growth(c, unit))
}

// sureness puts a confidence into words; see [incident.Suspect].
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
