package incident

import (
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

var diedAt = time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC)

func oomDeath() *Death {
	return &Death{
		Cause: DeathOOM, Certain: true, Why: "oom_kill of its cgroup rose by 1",
		LastSample: diedAt, Every: 10 * time.Millisecond, Found: diedAt.Add(1200 * time.Millisecond), Lived: 204 * time.Minute,
		Memory: 511 << 20, Limit: 512 << 20, Rate: 800 << 20,
		Incidents: []string{"20261120T101529.123Z-memory-7f3a"},
		Culprit:   "storage.(*Cache).Put (storage/cache.go:42) holds 300.0 MiB more",
		Series:    DeathSeries{Count: 7, Within: 24 * time.Hour, Every: 204 * time.Minute, Doubled: 204 * time.Minute},
	}
}

func TestDeathHeadlineSaysWhoLeaked(t *testing.T) {
	const nobody = "No culprit in the Go heap: memory outside it grew by 206.0 MiB"
	for _, tt := range []struct {
		cause         DeathCause
		culprit, ends string
	}{
		{DeathOOM, "storage.(*Cache).Put holds 300.0 MiB more", ". Who leaked: storage.(*Cache).Put holds 300.0 MiB more"},
		{DeathUnknown, "storage.(*Cache).Put holds 300.0 MiB more", ". Who leaked: storage.(*Cache).Put holds 300.0 MiB more"},
		{DeathOOM, nobody, ". " + nobody},
		{DeathUnknown, nobody, ""},
		{DeathPanic, nobody, ""},
		{DeathOOM, "", ""},
	} {
		d := oomDeath()
		d.Cause, d.Culprit = tt.cause, tt.culprit
		if got, want := d.Headline(), d.Sentence()+tt.ends; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.cause, got, want)
		}
	}
}

func TestDeathSentence(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(d *Death)
		want   string
	}{
		"OOM kill": {func(d *Death) {},
			"The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s: oom_kill of its cgroup rose by 1; the 7th OOM kill in 24 h, one every 3 h 24 min"},
		"likely, the first": {func(d *Death) { d.Certain, d.Series, d.Why = false, DeathSeries{Count: 1}, "" },
			"The previous process was likely OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s"},
		"panic": {func(d *Death) {
			d.Cause, d.Panic, d.Why, d.Series, d.Rate = DeathPanic, "panic: assignment to entry in nil map", "", DeathSeries{}, 0
		}, "The previous process panicked after 10:15:30.123 UTC: panic: assignment to entry in nil map, at 511.0 MiB of 512.0 MiB"},
		"host": {func(d *Death) {
			d.Cause, d.Certain, d.Why, d.Series, d.Memory, d.Elsewhere = DeathHost, false, "", DeathSeries{}, profile.Unknown, "node-7"
		},
			"The previous process on node-7 likely ended with its host after 10:15:30.123 UTC"},
		"unknown": {func(d *Death) {
			d.Cause, d.Certain, d.Why, d.Series, d.Rate = DeathUnknown, false, "", DeathSeries{Count: 2, Within: time.Hour}, 1000
		}, "The previous process was killed, crashed, or exited without Guard.Close after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB; the 2nd death of this kind in 60 min"},
		"days ago": {func(d *Death) {
			d.Found, d.Series, d.Why = d.LastSample.Add(50*time.Hour), DeathSeries{}, ""
		},
			"The previous process was OOM-killed after 2026-11-20 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s"},
		"one of two": {func(d *Death) { d.Series, d.Why, d.Rate, d.Untold = DeathSeries{}, "", 0, 1 },
			"The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB; 1 more process died before, without a report"},
		"one of many": {func(d *Death) { d.Series, d.Why, d.Rate, d.Untold = DeathSeries{}, "", 0, 396 },
			"The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB; 396 more processes died before, without reports"},
		"nothing is known": {func(d *Death) {
			*d = Death{Cause: DeathUnknown, Memory: profile.Unknown, Limit: profile.Unknown}
		},
			"The previous process was killed, crashed, or exited without Guard.Close"},
	} {
		d := oomDeath()
		tt.change(d)
		if got := d.Sentence(); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
	for n, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 100: "100th", 112: "112th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
