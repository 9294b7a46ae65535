//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/guard/internal/overhead/service"
)

// results are the measurements, by pair or round.
type results struct {
	idleWithout, idleWith []float64   // share of one core
	fresh, worked, later  memoryPairs // before the first request, after some, and a minute later
	descriptors           []float64   // how many more with a guard
	rate, rateRatio       []float64   // requests/s without; with / without - 1
	cost, costRatio       []float64   // CPU µs per request without; with / without - 1
}

// memoryPairs are the resident set and its anonymous part, without and with, in MiB.
type memoryPairs struct {
	without, with, anonWithout, anonWith []float64
}

func (m *memoryPairs) add(u [2]usage) {
	const mib = 1 << 20
	m.without, m.with = append(m.without, float64(u[0].RSS)/mib), append(m.with, float64(u[1].RSS)/mib)
	m.anonWithout, m.anonWith = append(m.anonWithout, float64(u[0].Anon)/mib), append(m.anonWith, float64(u[1].Anon)/mib)
}

func (r *results) measureIdle(p plan) error {
	folder, err := os.MkdirTemp("", "leakguard-overhead-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	plain, err := buildPlain(folder)
	if err != nil {
		return err
	}
	for range p.pairs {
		without, err := start(plain)
		if err != nil {
			return err
		}
		with, err := start("")
		if err != nil {
			return errors.Join(err, without.stop())
		}
		err = r.measurePair(p, without, with)
		if err = errors.Join(err, without.stop(), with.stop()); err != nil {
			return err
		}
	}
	return nil
}

func (r *results) measurePair(p plan, without, with *process) error {
	if _, err := with.ask("/guard/on"); err != nil {
		return err
	}
	// Ask the other process as well, so that both have served as much.
	if _, err := without.ask("/usage"); err != nil {
		return err
	}
	begin := time.Now()
	time.Sleep(p.warmUp)
	both := [2]*process{without, with}
	usages := func() (u [2]usage, err error) {
		for i, c := range both {
			if u[i], err = c.usage(); err != nil {
				break
			}
		}
		return u, err
	}
	measured := time.Now()
	before, err := usages()
	if err != nil {
		return err
	}
	time.Sleep(p.idle)
	wall := time.Since(measured)
	after, err := usages()
	if err != nil {
		return err
	}
	share := func(i int) float64 { return (after[i].CPU - before[i].CPU).Seconds() / wall.Seconds() }
	r.idleWithout, r.idleWith = append(r.idleWithout, share(0)), append(r.idleWith, share(1))
	r.fresh.add(after)
	r.descriptors = append(r.descriptors, float64(after[1].Descriptors-after[0].Descriptors))
	for _, c := range both {
		if err := c.serveSome(); err != nil {
			return err
		}
	}
	if after, err = usages(); err != nil {
		return err
	}
	r.worked.add(after)
	time.Sleep(time.Until(begin.Add(p.later)))
	if after, err = usages(); err != nil {
		return err
	}
	r.later.add(after)
	return nil
}

// someRequests are enough for a few garbage collection cycles.
const someRequests = 5000

// serveSome makes the process serve some requests.
func (p *process) serveSome() error {
	load := newLoad(p.base+"/work", 1)
	for load.served.Load() < someRequests && load.err() == nil {
		time.Sleep(time.Millisecond)
	}
	load.stop()
	return load.err()
}

func (r *results) measureBusy(p plan) error {
	for range p.workers {
		c, err := start("")
		if err != nil {
			return err
		}
		if err = errors.Join(r.measureRounds(p, c), c.stop()); err != nil {
			return err
		}
	}
	return nil
}

func (r *results) measureRounds(p plan, c *process) error {
	load := newLoad(c.base+"/work", p.clients)
	defer load.stop()
	time.Sleep(p.warmUp)
	for range p.rounds {
		var rate, cost [2]float64
		for _, on := range []int{0, 1, 1, 0} {
			served, cpu, err := measureSlice(p, c, load, on == 1)
			if err != nil {
				return err
			}
			rate[on] += served / p.slice.Seconds() / 2
			cost[on] += cpu / served * 1e6 / 2
		}
		r.rate, r.rateRatio = append(r.rate, rate[0]), append(r.rateRatio, rate[1]/rate[0]-1)
		r.cost, r.costRatio = append(r.cost, cost[0]), append(r.costRatio, cost[1]/cost[0]-1)
	}
	return load.err()
}

// measureSlice returns the requests served in a slice and the CPU seconds they
// took.
func measureSlice(p plan, c *process, load *load, on bool) (served, cpu float64, err error) {
	if on {
		if _, err := c.ask("/guard/on"); err != nil {
			return 0, 0, err
		}
	}
	time.Sleep(p.slice / 2) // keeps the first baseline out of the running cost
	before, err := c.usage()
	if err != nil {
		return 0, 0, err
	}
	n, begin := load.served.Load(), time.Now()
	time.Sleep(p.slice)
	wall := time.Since(begin)
	n = load.served.Load() - n
	after, err := c.usage()
	if err == nil && on {
		_, err = c.ask("/guard/off")
	}
	if err == nil && n == 0 {
		err = errors.New("no request was served")
	}
	// Scale to the length of the slice, which sleeping does not meet exactly.
	return float64(n) * p.slice.Seconds() / wall.Seconds(), (after.CPU - before.CPU).Seconds(), err
}

// load is a client that sends requests as fast as they are answered.
type load struct {
	served  atomic.Int64
	failed  atomic.Pointer[error]
	ended   atomic.Bool
	clients sync.WaitGroup
}

func newLoad(url string, clients int) *load {
	l := new(load)
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	client := &http.Client{Transport: transport}
	body, err := json.Marshal(service.OneOrder)
	if err != nil {
		l.failed.Store(&err)
		return l
	}
	for range clients {
		l.clients.Go(func() {
			for !l.ended.Load() {
				res, err := client.Post(url, "application/json", bytes.NewReader(body))
				if err == nil {
					_, err = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				if err != nil {
					l.failed.Store(&err)
					return
				}
				l.served.Add(1)
			}
		})
	}
	return l
}

func (l *load) err() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *load) stop() {
	l.ended.Store(true)
	l.clients.Wait()
}

// table formats the results as Markdown.
func (r results) table() string {
	var b strings.Builder
	row := func(what, without, with, difference, target string) {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", what, without, with, difference, target)
	}
	row("", "without", "with a guard", "difference: median (quartiles)", "target")
	row("---", "--:", "--:", "--:", "--:")
	idle := differences(r.idleWith, r.idleWithout)
	row("idle, CPU of one core", percent(median(r.idleWithout)), percent(median(r.idleWith)), spread(idle, percent), "0.1%")
	for _, m := range []struct {
		when, target string
		memoryPairs
	}{
		{"before the first request", "", r.fresh}, {fmt.Sprintf("after %d requests", someRequests), "", r.worked}, {"a minute later", "", r.later},
	} {
		row("idle, resident set "+m.when, mebibytes(median(m.without)), mebibytes(median(m.with)), spread(differences(m.with, m.without), mebibytes), m.target)
		row("of that anonymous", mebibytes(median(m.anonWithout)), mebibytes(median(m.anonWith)), spread(differences(m.anonWith, m.anonWithout), mebibytes), "2 MiB")
	}
	row("descriptors", "", "", spread(r.descriptors, func(x float64) string { return fmt.Sprintf("%.0f", x) }), "")
	rate, cost := median(r.rate), median(r.cost)
	row("busy, requests/s", fmt.Sprintf("%.0f", rate), fmt.Sprintf("%.0f", rate*(1+median(r.rateRatio))), spread(r.rateRatio, percent), "-0.5%")
	row("busy, CPU per request", fmt.Sprintf("%.1f µs", cost), fmt.Sprintf("%.1f µs", cost*(1+median(r.costRatio))), spread(r.costRatio, percent), "")
	fmt.Fprintf(&b, "\n%s, %s/%s, %d processors; %d idle pairs, %d busy rounds.\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), len(idle), len(r.rateRatio))
	return b.String()
}

func percent(x float64) string   { return fmt.Sprintf("%.3f%%", 100*x) }
func mebibytes(x float64) string { return fmt.Sprintf("%.2f MiB", x) }

func spread(list []float64, format func(float64) string) string {
	return fmt.Sprintf("%s (%s to %s)", format(median(list)), format(quantile(list, 0.25)), format(quantile(list, 0.75)))
}

func differences(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func median(list []float64) float64 { return quantile(list, 0.5) }

// quantile interpolates between neighbouring values.
func quantile(list []float64, q float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}
