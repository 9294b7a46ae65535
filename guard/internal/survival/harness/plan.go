//go:build linux

package harness

import (
	"cmp"
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
	Need int // runs that must leave evidence; 0 only measures
	// Pool names the cells whose Need is demanded of all their runs together. Where
	// about half of the runs survive, only a sum tells a worse guard from bad luck. ""
	// means that the cell stands alone.
	Pool string
}

// Missing says which cells or pools left evidence in fewer runs than they need.
func (t *Table) Missing(cells []Cell) (missing []string) {
	type sum struct{ survived, runs, need int }
	sums := make(map[string]*sum)
	var names []string
	for _, c := range cells {
		name := cmp.Or(c.Pool, c.String())
		if sums[name] == nil {
			sums[name] = new(sum)
			names = append(names, name)
		}
		n, of := t.Survived(c.Case)
		sums[name].survived += n
		sums[name].runs += of
		sums[name].need += c.Need
	}
	for _, name := range names {
		if s := sums[name]; s.survived < s.need {
			missing = append(missing, fmt.Sprintf("%s: %d of %d runs left evidence, want %d", name, s.survived, s.runs, s.need))
		}
	}
	return missing
}

// String names the cell as in the table.
func (c Cell) String() string { return c.Case.String() }

// String names the case as in the table.
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

// Grid describes the cells to measure: every combination of its fields.
type Grid struct {
	LimitsMiB   []int64
	Rates       []float64 // MiB/s
	Spawn       []float64 // goroutines per second, instead of Rates for the shape goroutines
	GoMemLimits []int     // percent of the limit; 0 means unset
	Busy        []float64 // share of the time in which two goroutines work
	Shapes      []string
	Runs        int // per cell; a quarter, but at least 1, if a run takes over a minute
}

// Cells returns the cells of the grid.
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

// CI returns the hardest cells and one of each shape, for about three minutes.
func CI() []Cell {
	cell := func(pool string, runs, need int, limit int64, rate float64, percent int, busy float64, shape string) Cell {
		return Cell{Case{Limit: limit << 20, Rate: rate, GoMemLimit: percent, Busy: busy, Shape: shape, Hold: held, Warm: warm}, runs, need, pool}
	}
	// On a slow day of one machine a third of the runs of the hardest cells survive, with
	// any version, and four of five of the fast ones. A version that loses the evidence as
	// a rule fails; one that meets its odds fails once in some hundred times. A torn file
	// fails any run. 64 MiB at 3000 MiB/s without a GOMEMLIMIT is left out: that process
	// is dead 15 ms after its leak began.
	const hardest, fast = "the hardest cells", "the fast cells"
	return []Cell{
		cell(hardest, 6, 1, 64, 1000, 0, 0, "chunks"),
		cell(hardest, 5, 0, 64, 3000, 90, 0, "chunks"),
		cell(hardest, 5, 1, 64, 1000, 0, 0.5, "chunks"),
		cell(hardest, 5, 1, 512, 3000, 0, 0.5, "chunks"),
		cell(fast, 3, 1, 512, 1000, 0, 0, "chunks"),
		cell(fast, 3, 1, 512, 1000, 90, 0, "chunks"),
		cell(fast, 3, 1, 512, 1000, 0, 0.5, "chunks"),
		cell(fast, 5, 3, 512, 3000, 0, 0, "chunks"),
		cell(fast, 2, 1, 2048, 3000, 0, 0, "chunks"),
		cell("", 2, 1, 64, 10, 0, 0, "chunks"),
		cell("", 2, 1, 512, 100, 0, 0, "linked"),
		cell("", 2, 1, 512, 100000, 0, 0, "goroutines"),
	}
}

// Calm returns services that only look as if they leaked, for the given time: one
// makes 10 GB/s of garbage over a stable heap, and one has a heap that doubles and
// shrinks once per period.
//
// What is allocated during a mark phase survives it, which at 10 GB/s is hundreds
// of MiB. With 512 MiB such a service would be killed from time to time, which
// would be no false alarm. Therefore it has 2 GiB.
func Calm(duration, period time.Duration) []Cell {
	c := Case{Limit: 2 << 30, Rate: 10000, Shape: "garbage", Hold: 0.10, Warm: warm, For: duration, Period: period}
	// Even after doubling, and doubling again through GOGC=100, a fifth fits.
	d := Case{Limit: 512 << 20, Shape: "doubling", Hold: 0.20, Warm: warm, For: duration, Period: period}
	return []Cell{{Case: c, Runs: 1, Need: 1}, {Case: d, Runs: 1, Need: 1}}
}

// alone reports whether the case needs the machine to itself. A slow leak in an
// idle service leaves processors for others.
func (c Case) alone() bool {
	return c.Busy > 0 || c.Rate >= 1000 || c.Shape != "chunks"
}

// RunAll runs the cells until ctx ends: first, up to parallel at a time, those that
// tolerate others, then the rest one by one. It passes each result to report, one
// at a time, including those of runs that went wrong.
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
