package report

import (
	"encoding/json"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/diff"
)

// chartData is the input of the page's script. encoding/json escapes <, > and
// &, so no name in it can close the element that it stands in.
type chartData struct {
	Memory *memoryData     `json:"memory,omitempty"`
	Flame  *diff.FlameNode `json:"flame,omitempty"`
	Unit   profile.Unit    `json:"unit,omitempty"` // of the flame graph
}

type memoryData struct {
	Time       []float64  `json:"time"` // Unix seconds
	Memory     []*int64   `json:"memory"`
	LiveHeap   []*int64   `json:"live_heap"`
	Goroutines []*int64   `json:"goroutines"`
	Limit      int64      `json:"limit"` // 0 if there is none or it is too far above to draw
	Marks      []markData `json:"marks"`
}

type markData struct {
	Time float64 `json:"time"`
	Name string  `json:"name"`
}

func (r *Report) data(sections []section) (string, error) {
	var d chartData
	var f *flame
	for _, s := range sections {
		for _, k := range s.blocks {
			if k.chart != nil {
				d.Memory = k.chart.data()
			}
			if k.flame != nil {
				f = k.flame
				d.Flame, d.Unit = f.root, f.unit
			}
		}
	}
	if d.Memory == nil && d.Flame == nil {
		return "", nil
	}
	for nodes := maxFlameNodes; ; nodes /= 4 {
		data, err := json.Marshal(d)
		if err != nil || len(data) <= roomForData {
			return string(data), err
		}
		// Names are long, or full of characters that are escaped.
		f.prune(f.root, nodes/4)
		d.Flame = f.root
	}
}

func seconds(t time.Time) float64 {
	return float64(t.UnixMilli()) / 1000
}

func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

func (c *timeChart) data() *memoryData {
	d := &memoryData{Marks: []markData{}}
	top := 0.0
	for _, p := range c.points {
		top = max(top, float64(p.Memory), float64(p.LiveHeap))
		d.Time = append(d.Time, seconds(p.Time))
		d.Memory = append(d.Memory, known(int64(p.Memory)))
		d.LiveHeap = append(d.LiveHeap, known(int64(p.LiveHeap)))
		d.Goroutines = append(d.Goroutines, known(int64(p.Goroutines)))
	}
	if c.limitNear(top) {
		d.Limit = int64(c.limit)
	}
	for _, m := range c.marks {
		d.Marks = append(d.Marks, markData{seconds(m.time), m.name})
	}
	return d
}
