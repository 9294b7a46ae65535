package guard

import (
	"log/slog"
	"testing"

	"github.com/leakguard/leakguard/profile/incident"
)

// The line about a death is logged at once. If the evidence is explained later, a second
// line says who leaked.
func TestALaterExplanationIsLogged(t *testing.T) {
	const culprit = "main.leak (leak.go:7) holds 80.0 MiB more"
	for name, test := range map[string]struct {
		known, later string // the culprit when the death was logged, and what the explanation says
		cause        incident.DeathCause
		lines        int
	}{
		"explained later":              {"", culprit, incident.DeathOOM, 1},
		"a killed process":             {"", culprit, incident.DeathUnknown, 1},
		"known from the beginning":     {culprit, "", incident.DeathOOM, 0},
		"not explained":                {"", "", incident.DeathOOM, 0},
		"explained, but nobody leaked": {"", "No culprit: nothing has grown", incident.DeathOOM, 0},
	} {
		t.Run(name, func(t *testing.T) {
			book := &logBook{}
			log, c := slog.New(book), new(counters)
			l := &loop{log: log, observer: newObserver(), counters: c, sinks: newDispatcher(nil, nil, incident.Process{}, log, c)}
			d := foundDeath{manifest: incident.Manifest{ID: "x-previous-death-abcd", Death: &incident.Death{Cause: test.cause, Culprit: test.known}}, wants: []string{"y"}}
			d.manifest.Headline = d.manifest.Death.Headline()
			l.deathsFound(deathsFound{list: []foundDeath{d}})
			l.tellDeaths()
			if len(l.untold) != 1 {
				t.Fatal("the event does not wait for the explanation")
			}
			l.explainedFor("y", test.later, nil)
			l.tellDeaths()
			l.say()
			if got := book.loud("Who leaked: " + culprit); len(got) != test.lines || len(l.untold) != 0 {
				t.Errorf("logged %q, want %d lines; %d wait", got, test.lines, len(l.untold))
			}
		})
	}
}
