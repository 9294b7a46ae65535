//go:build linux

package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/leakguard/leakguard/guard/internal/survival/progress"
	"github.com/leakguard/leakguard/profile/incident"
)

// Obituary is a death, and what the next process reports about it.
type Obituary struct {
	Case Case
	// Restarted reports whether the next process ran in a new group, as in a
	// restarted container. Otherwise it ran in the victim's group, as under a
	// supervisor.
	Restarted bool
	Death     incident.Death
	// Alive is the victim's last sign of life. Killed is when its group's number of
	// kills had risen, to a millisecond. Gone is when its parent's wait returned:
	// after the kill the kernel first frees the victim's memory.
	Alive, Killed, Gone time.Time
}

// Named reports whether the next process says that the kernel killed the victim for
// lack of memory.
func (o Obituary) Named() bool { return o.Death.Cause == incident.DeathOOM }

// Lag returns how much older the last sample is than the victim's last sign of
// life. The time until the kill is not counted: at the limit the kernel may suspend
// the process for 250 ms before it kills it.
func (o Obituary) Lag() time.Duration { return max(o.Alive.Sub(o.Death.LastSample), 0) }

// watchKills returns a function that waits for the group's first kill and returns
// its time.
func watchKills(group *Group) (when func() time.Time) {
	stop, seen := make(chan struct{}), make(chan time.Time, 1)
	go func() {
		for {
			n, err := group.Kills()
			if err != nil || n > 0 {
				seen <- time.Now()
				return
			}
			select {
			case <-stop:
				seen <- time.Time{}
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() time.Time { close(stop); return <-seen }
}

// Die runs a victim until it dies, and then asks the next process what it died of.
// It keeps no files. An error means that the run says nothing.
func (v *Victim) Die(ctx context.Context, c Case, restarted bool) (o Obituary, err error) {
	o.Case, o.Restarted = c, restarted
	dir, err := os.MkdirTemp(v.Work, "death-")
	if err != nil {
		return o, fmt.Errorf("harness: die: %w", err)
	}
	defer func() {
		if err == nil && o.Named() {
			err = os.RemoveAll(dir)
		}
	}()
	evidence := filepath.Join(dir, "evidence")
	log, err := progressLog()
	if err != nil {
		return o, err
	}
	defer os.Remove(log)
	group, err := v.Hierarchy.NewGroup(c.Limit)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, group.Remove()) }()
	if c.CPU > 0 {
		if err := group.throttle(c.CPU); err != nil {
			return o, err
		}
	}
	killed := watchKills(group)
	o.Gone, err = v.live(ctx, c, group, dir, evidence, log)
	if o.Killed = killed(); o.Killed.IsZero() || o.Killed.After(o.Gone) {
		o.Killed = o.Gone
	}
	if err != nil {
		return o, fmt.Errorf("harness: die in %s: %w", dir, err)
	}
	stamps, err := progress.Read(log)
	if err != nil {
		return o, err
	}
	o.Alive = Leak{Stamps: stamps}.Death()

	if restarted {
		next, err := v.Hierarchy.NewGroup(c.Limit)
		if err != nil {
			return o, err
		}
		defer next.Remove()
		group = next
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := v.inGroup(ctx, group, dir, "-dir", evidence, "-shape", "successor")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &o.Death)
	}
	if err != nil {
		return o, fmt.Errorf("harness: the next process in %s: %w: %s", dir, err, tail(said.String(), 2000))
	}
	return o, nil
}

// Deaths returns n ways to die, cycling through a range of rates.
func Deaths(n int) []Case { return deaths(n, 100, 300, 1000, 2000, 3000) }

// SlowDeaths returns deaths that are slow enough for a busy machine.
func SlowDeaths(n int) []Case { return deaths(n, 100, 300, 300) }

// ThrottledDeaths returns deaths of processes with a CPU quota of a half, a quarter and a
// tenth of a processor.
func ThrottledDeaths(n int) []Case {
	list := deaths(n, 100, 300)
	for i := range list {
		list[i].CPU = []float64{0.5, 0.25, 0.1}[i%3]
	}
	return list
}

func deaths(n int, rates ...float64) []Case {
	var cases []Case
	for i := range n {
		cases = append(cases, Case{
			Limit: 256 << 20, Rate: rates[i%len(rates)], Shape: "chunks", Hold: 0.25, Warm: 300 * time.Millisecond,
		})
	}
	return cases
}

// WriteObituaries writes a table of deaths, by rate.
func WriteObituaries(w io.Writer, all []Obituary) error {
	var rates []float64
	for _, o := range all {
		if !slices.Contains(rates, o.Case.Rate) {
			rates = append(rates, o.Case.Rate)
		}
	}
	slices.Sort(rates)
	var b strings.Builder
	b.WriteString("| leak | OOM kill named | who leaked is quoted | last sample before the last sign of life: median | oldest | before the kill: median | oldest | before the parent's wait: median | oldest |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, rate := range rates {
		var named, quoted, of int
		var life, kill, wait []time.Duration
		for _, o := range all {
			if o.Case.Rate != rate {
				continue
			}
			of++
			if o.Named() {
				named++
			}
			if strings.Contains(o.Death.Culprit, Culprit) {
				quoted++
			}
			life = append(life, o.Lag())
			kill, wait = append(kill, max(o.Killed.Sub(o.Death.LastSample), 0)), append(wait, o.Gone.Sub(o.Death.LastSample))
		}
		fmt.Fprintf(&b, "| %.0f MiB/s | %d/%d | %d/%d | %s | %s | %s |\n", rate, named, of, quoted, of, medianAndOldest(life), medianAndOldest(kill), medianAndOldest(wait))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func medianAndOldest(list []time.Duration) string {
	slices.Sort(list)
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1000) }
	return ms(list[len(list)/2]) + " | " + ms(list[len(list)-1])
}
