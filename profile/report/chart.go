package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// timeChart shows memory over time.
type timeChart struct {
	points []incident.HistoryPoint // at least two, in time order
	limit  profile.Bytes           // 0 if there is none
	marks  []mark
}

// mark is a moment marked in the chart.
type mark struct {
	time time.Time
	name string
}

// maxPoints is the largest number of points of a chart. A manifest holds 320.
const maxPoints = 512

func (r *Report) overTime() section {
	c := r.chart()
	if c == nil {
		return section{}
	}
	return section{id: "memory", title: "Memory over time", weight: 5, blocks: []block{{chart: c}}}
}

func (r *Report) chart() *timeChart {
	c := &timeChart{limit: r.limit()}
	points := history(r.Manifest)
	step := max(1, (len(points)+maxPoints-1)/maxPoints)
	for i := len(points) - 1; i >= 0; i -= step { // always keep the newest
		if p := points[i]; p.Memory.Known() && (len(c.points) == 0 || p.Time.Before(c.points[len(c.points)-1].Time)) {
			c.points = append(c.points, p)
		}
	}
	if len(c.points) < 2 {
		return nil
	}
	for i, j := 0, len(c.points)-1; i < j; i, j = i+1, j-1 {
		c.points[i], c.points[j] = c.points[j], c.points[i]
	}
	add := func(t time.Time, name string) {
		if !t.IsZero() && !t.Before(c.first()) && len(c.marks) < 16 {
			c.marks = append(c.marks, mark{t, name})
		}
	}
	if d := r.Manifest.Death; d != nil {
		add(d.LastSample, "last reading")
	} else {
		add(r.Manifest.Opened, "opened")
	}
	for _, cap := range r.Manifest.Captures {
		if cap.Seq > 1 {
			add(cap.Time, fmt.Sprintf("capture %d", cap.Seq))
		}
	}
	return c
}

func (c *timeChart) first() time.Time { return c.points[0].Time }
func (c *timeChart) last() time.Time  { return c.points[len(c.points)-1].Time }

// peak returns the point with the most memory.
func (c *timeChart) peak() (peak incident.HistoryPoint) {
	for i, p := range c.points {
		if i == 0 || p.Memory > peak.Memory {
			peak = p
		}
	}
	return peak
}

// sentence describes the chart to readers who cannot see it.
func (c *timeChart) sentence() string {
	first, last := c.points[0], c.points[len(c.points)-1]
	text := fmt.Sprintf("From %v to %v in %s", first.Memory, last.Memory, words.Span(last.Time.Sub(first.Time)))
	if peak := c.peak(); peak.Memory > last.Memory && peak.Memory > first.Memory {
		text += fmt.Sprintf(", with a peak of %v", peak.Memory)
	}
	if c.limit > 0 {
		text += fmt.Sprintf("; the limit is %v", c.limit)
	}
	return text
}

// The size of the chart in text, in characters. With axis and marks it has at
// most 11 lines.
const (
	chartWidth  = 56
	chartHeight = 7
)

// lines draws the chart with block characters.
func (c *timeChart) lines() []string {
	top := float64(c.peak().Memory)
	limitShown := c.limitNear(top)
	if limitShown {
		top = max(top, float64(c.limit))
	}
	top = max(top, 1)
	columns := c.columns()
	limitRow := -1
	if limitShown {
		limitRow = row(float64(c.limit), top)
	}
	var out []string
	for y := chartHeight - 1; y >= 0; y-- {
		var b strings.Builder
		label := ""
		switch {
		case y == limitRow:
			label = c.limit.String() + " limit"
		case y == chartHeight-1:
			label = profile.Bytes(top).String()
		case y == 0:
			label = "0"
		}
		fmt.Fprintf(&b, "%18s ┤", label)
		for _, v := range columns {
			// How many eighths of this row are filled.
			eighths := int(math.Round(v/top*chartHeight*8)) - 8*y
			switch {
			case eighths >= 8:
				b.WriteRune('█')
			case eighths > 0:
				b.WriteRune([]rune(" ▁▂▃▄▅▆▇")[eighths])
			case y == limitRow:
				b.WriteRune('╌')
			default:
				b.WriteByte(' ')
			}
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	axis := []rune(strings.Repeat("─", chartWidth))
	var names []string
	for _, m := range c.marks {
		x := c.column(m.time)
		if m.time.After(c.last()) {
			x = chartWidth - 1
		}
		axis[x] = '▲'
		names = append(names, m.name+" "+m.time.UTC().Format("15:04:05"))
	}
	out = append(out, fmt.Sprintf("%18s └%s", "", string(axis)))
	from, to := c.first().UTC().Format("2006-01-02 15:04:05"), c.last().UTC().Format("15:04:05 UTC")
	out = append(out, fmt.Sprintf("%20s%s%*s", "", from, chartWidth-len(from), to))
	if len(names) > 0 {
		if len(names) > 3 {
			names = append(names[:3:3], fmt.Sprintf("%d more", len(names)-3))
		}
		out = append(out, fmt.Sprintf("%20s▲ %s", "", strings.Join(names, ", ")))
	}
	if c.limit > 0 && !limitShown {
		out = append(out, fmt.Sprintf("%20sthe limit of %v is off the chart", "", c.limit))
	}
	return out
}

func row(v, top float64) int {
	return min(int(v/top*chartHeight), chartHeight-1)
}

func (c *timeChart) column(t time.Time) int {
	whole := c.last().Sub(c.first())
	if whole <= 0 {
		return 0
	}
	return max(0, min(int(float64(t.Sub(c.first()))/float64(whole)*chartWidth), chartWidth-1))
}

// columns returns the highest value of each of chartWidth equal time spans. A
// span without a point repeats the value before.
func (c *timeChart) columns() []float64 {
	out := make([]float64, chartWidth)
	set := make([]bool, chartWidth)
	for _, p := range c.points {
		x := c.column(p.Time)
		out[x], set[x] = max(out[x], float64(p.Memory)), true
	}
	for x := 1; x < chartWidth; x++ {
		if !set[x] {
			out[x] = float64(c.before(x))
		}
	}
	return out
}

// before returns the memory at the last point before a column.
func (c *timeChart) before(x int) (last profile.Bytes) {
	for _, p := range c.points {
		if c.column(p.Time) > x {
			break
		}
		last = p.Memory
	}
	return last
}

// limitNear reports whether the limit is low enough to draw it beside values up
// to top without flattening them.
func (c *timeChart) limitNear(top float64) bool { return c.limit > 0 && float64(c.limit) <= 4*top }
