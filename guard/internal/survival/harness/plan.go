//go:build linux

package harness

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	held = 0.40            // of the limit, by a service that leaks
	warm = 2 * time.Second // the guard promises its first baseline within 1 s
)

// Cell is a case and how often to run it.
type Cell struct {
	Case
	Runs int
	Need int // runs that have to leave evidence; 0: it is measured, not demanded
}

// String names the cell as in the table's margins.
func (c Cell) String() string { return c.Case.String() }

// String names the case as in the table's margins.
func (c Case) String() string {
	return fmt.Sprintf("%d MiB, GOMEMLIMIT %s, %s, %s, %s", c.Limit>>20, c.memLimit(), c.mode(), c.Shape, c.speed())
}

func (c Case) memLimit() string {
	if c.GoMemLimit == 0 {
		return "unset"
	}
	return fmt.Sprintf("%d%%", c.GoMemLimit)
}

func (c Case) mode() string {
	switch c.Busy {
	case 0:
		return "idle"
	case 1:
		return "saturated"
	default:
		return "busy"
	}
}

func (c Case) speed() string {
	if c.For > 0 {
		return c.For.String()
	}
	return fmt.Sprintf("%.0f %s/s", c.Rate, c.Unit())
}

// Grid is the cells to measure: each combination of its fields.
type Grid struct {
	LimitsMiB   []int64
	Rates       []float64 // MiB/s
	Spawn       []float64 // goroutines a second, in place of Rates for the shape goroutines
	GoMemLimits []int     // percent; 0: unset
	Busy        []float64 // share of the time in which two goroutines work
	Shapes      []string
	Runs        int // of a cell; a quarter of it, but at least 1, where one takes over a minute
}

// Cells lists the grid's cells.
func (g Grid) Cells() []Cell {
	var cells []Cell
	for _, shape := range g.Shapes {
		rates := g.Rates
		if shape == "goroutines" {
			rates = g.Spawn
		}
		for _, limit := range g.LimitsMiB {
			for _, percent := range g.GoMemLimits {
				for _, busy := range g.Busy {
					for _, rate := range rates {
						c := Case{Limit: limit << 20, Rate: rate, GoMemLimit: percent, Busy: busy, Shape: shape, Hold: held, Warm: warm}
						runs := g.Runs
						if c.leakTime() > time.Minute {
							runs = max(1, runs/4)
						}
						cells = append(cells, Cell{Case: c, Runs: runs})
					}
				}
			}
		}
	}
	return cells
}

// CI is the hardest cells and one of each shape, in about three minutes.
func CI() []Cell {
	cell := func(runs, need int, limit int64, rate float64, percent int, busy float64, shape string) Cell {
		return Cell{Case{Limit: limit << 20, Rate: rate, GoMemLimit: percent, Busy: busy, Shape: shape, Hold: held, Warm: warm}, runs, need}
	}
	// What is asked for leaves room for a machine that does something else at
	// the wrong moment; a torn file fails any run. 64 MiB at 3000 MiB/s without
	// a GOMEMLIMIT is not here: a process that is dead 15 ms after its leak
	// began leaves evidence in half of its runs.
	return []Cell{
		cell(2, 1, 64, 10, 0, 0, "chunks"),
		cell(5, 3, 64, 1000, 0, 0, "chunks"),
		cell(5, 1, 64, 3000, 90, 0, "chunks"),
		cell(3, 1, 64, 1000, 0, 0.5, "chunks"),
		cell(3, 2, 512, 1000, 0, 0, "chunks"),
		cell(3, 2, 512, 1000, 90, 0, "chunks"),
		cell(3, 1, 512, 1000, 0, 0.5, "chunks"),
		cell(3, 1, 512, 3000, 0, 0.5, "chunks"),
		cell(5, 3, 512, 3000, 0, 0, "chunks"),
		cell(2, 1, 2048, 3000, 0, 0, "chunks"),
		cell(2, 1, 512, 100, 0, 0, "linked"),
		cell(2, 1, 512, 100000, 0, 0, "goroutines"),
	}
}

// Calm is the services that only look as if they leaked, for the given time:
// 10 GB/s of garbage over a stable heap, and a heap that doubles and shrinks
// once in a period.
//
// What is allocated during a mark phase outlives it, at 10 GB/s hundreds of
// MiB. In 512 MiB such a service is killed now and then, which is no false
// alarm, so it has 2 GiB.
func Calm(duration, period time.Duration) []Cell {
	c := Case{Limit: 2 << 30, Rate: 10000, Shape: "garbage", Hold: 0.10, Warm: warm, For: duration, Period: period}
	// Doubled, and doubled again by GOGC=100, a fifth still fits.
	d := Case{Limit: 512 << 20, Shape: "doubling", Hold: 0.20, Warm: warm, For: duration, Period: period}
	return []Cell{{c, 1, 1}, {d, 1, 1}}
}

// alone reports whether the case needs the machine to itself. A slow leak in
// an idle service leaves the processors to others.
func (c Case) alone() bool {
	return c.Busy > 0 || c.Rate >= 1000 || c.Shape != "chunks"
}

// RunAll runs the cells, up to parallel runs at a time of those that bear it,
// then the others one by one. Each result, also that of a run that went wrong,
// is given to report, one at a time, until ctx ends.
func (v *Victim) RunAll(ctx context.Context, cells []Cell, parallel int, report func(Result)) {
	var together, alone []Case
	for _, cell := range cells {
		for range cell.Runs {
			if cell.alone() {
				alone = append(alone, cell.Case)
			} else {
				together = append(together, cell.Case)
			}
		}
	}
	var mu sync.Mutex
	run := func(c Case) {
		res, err := v.Run(ctx, c)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			res.Err = err.Error()
			res.Verdict.Survived, res.Verdict.Reason = false, res.Err
		}
		mu.Lock()
		defer mu.Unlock()
		report(res)
	}
	queue := make(chan Case)
	var workers sync.WaitGroup
	for range max(1, parallel) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for c := range queue {
				run(c)
			}
		}()
	}
	for _, c := range together {
		if ctx.Err() == nil {
			queue <- c
		}
	}
	close(queue)
	workers.Wait()
	for _, c := range alone {
		if ctx.Err() == nil {
			run(c)
		}
	}
}
