package main

import (
	"net/url"

	"github.com/leakguard/leakguard/profile/incident"
)

// accusation is the confidence from which on a function named in a healthy case counts.
const accusation = 0.5

// verdict is how good a first line is.
type verdict string

const (
	right     verdict = "right" // names the function to change
	halfRight verdict = "half"  // names another function that may be named beside it
	wrong     verdict = "wrong" // names somebody else
	none      verdict = "none"  // names nobody, or there is no incident

	quiet   verdict = "quiet"   // of a healthy case: accuses nobody
	accused verdict = "accused" // of a healthy case: accuses somebody

	failed verdict = "failed" // the run did not come to its end, so the line is not judged
)

// line is the first line of a report, as it was given in one of the ways.
type line struct {
	Way        string  `json:"way"`
	Verdict    verdict `json:"verdict"`
	Function   string  `json:"function,omitempty"` // that the line accuses
	Confidence float64 `json:"confidence,omitempty"`
	Headline   string  `json:"headline,omitempty"`
	Note       string  `json:"note,omitempty"` // what went wrong with the run
}

// lineOf returns the first line of a report with the suspect that it accuses.
func lineOf(headline string, suspects incident.Suspects) line {
	l := line{Headline: headline}
	if s, ok := suspects.Culprit(); ok {
		l.Function, l.Confidence = s.Frame.Function, s.Confidence
	}
	return l
}

// judge says how good a line is. Names of functions are compared whole.
func judge(c caseFile, l line) verdict {
	switch {
	case c.healthy && l.Function != "" && l.Confidence >= accusation:
		return accused
	case c.healthy:
		return quiet
	case l.Function == "":
		return none
	case named(c.change, l.Function):
		return right
	case named(c.also, l.Function):
		return halfRight
	}
	return wrong
}

func named(list []string, function string) bool {
	for _, f := range list {
		if unescape(f) == unescape(function) {
			return true
		}
	}
	return false
}

// unescape undoes what the linker does to the path of a package: a dot in its last
// element is '%2e' in a profile.
func unescape(function string) string {
	if plain, err := url.PathUnescape(function); err == nil {
		return plain
	}
	return function
}

// good reports whether a line says what is true.
func (v verdict) good() bool { return v == right || v == quiet }

// pick returns the line that counts, of those that one way gave, the oldest first. Of a
// leak it is the newest that accuses somebody, since that is what is read last; of a
// healthy case it is the most confident accusation, since any counts.
func pick(healthy bool, lines []line) line {
	var best line
	for _, l := range lines {
		switch {
		case healthy && l.Function != "" && l.Confidence >= best.Confidence,
			!healthy && l.Function != "",
			best.Function == "":
			best = l
		}
	}
	return best
}
