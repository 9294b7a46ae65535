package report_test

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// The manifest of an incident of the rule 'previous-death', and the guard's
// event, say what the process died of.
func ExampleDeath() {
	d := incident.Death{
		Cause: incident.DeathOOM, Certain: true, Why: "oom_kill of its cgroup rose by 1",
		LastSample: time.Date(2026, 11, 20, 10, 15, 30, 123e6, time.UTC),
		Memory:     511 << 20, Limit: 512 << 20, Rate: 800 << 20,
		Culprit: "storage.(*Cache).Put (storage/cache.go:42) holds 300.0 MiB more",
		Series:  incident.DeathSeries{Count: 7, Within: 24 * time.Hour, Every: 204 * time.Minute},
	}
	fmt.Println(d.Title())
	fmt.Println(d.Headline())
	// Output:
	// OOM-killed at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s
	// The previous process was OOM-killed after 10:15:30.123 UTC, at 511.0 MiB of 512.0 MiB, growing 800.0 MiB/s: oom_kill of its cgroup rose by 1; the 7th OOM kill in 24 h, one every 3 h 24 min. Who leaked: storage.(*Cache).Put (storage/cache.go:42) holds 300.0 MiB more
}
