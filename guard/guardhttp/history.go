package guardhttp

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// points are readings for a chart, in columns. Unknown values are null.
type points struct {
	Time       []float64       `json:"time"` // Unix seconds
	Memory     []profile.Bytes `json:"unreclaimable_bytes"`
	LiveHeap   []profile.Bytes `json:"heap_live_bytes"`
	Goroutines []profile.Count `json:"goroutines"`
	Limit      []profile.Bytes `json:"limit_bytes"`
}

// mostPoints is the most points in an answer, about as many as a chart has pixels.
const mostPoints = 1500

// newPoints returns up to most of the readings, spread evenly over time. From each span
// it takes the reading with the most memory, so that no peak is lost.
func newPoints(readings []incident.Reading, most int) *points {
	p := &points{Time: []float64{}, Memory: []profile.Bytes{}, LiveHeap: []profile.Bytes{}, Goroutines: []profile.Count{}, Limit: []profile.Bytes{}}
	if len(readings) == 0 {
		return p
	}
	if len(readings) <= most {
		for i := range readings {
			p.add(&readings[i])
		}
		return p
	}
	first := readings[0].Time
	span := readings[len(readings)-1].Time.Sub(first)/time.Duration(most-1) + 1
	best, bestSpan := 0, time.Duration(0)
	for i := range readings {
		at := readings[i].Time.Sub(first) / span
		switch {
		case at != bestSpan:
			p.add(&readings[best])
			best, bestSpan = i, at
		case readings[i].Unreclaimable >= readings[best].Unreclaimable:
			best = i
		}
	}
	p.add(&readings[best])
	return p
}

func (p *points) add(r *incident.Reading) {
	p.Time = append(p.Time, unixSeconds(r.Time))
	p.Memory = append(p.Memory, r.Unreclaimable)
	p.LiveHeap = append(p.LiveHeap, r.HeapLive)
	p.Goroutines = append(p.Goroutines, r.Goroutines)
	p.Limit = append(p.Limit, r.Limit)
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// parseSince parses a time in Unix seconds or RFC 3339. The empty string is the zero
// time, which selects the whole history.
func parseSince(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1e11 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(math.Ceil(f * 1000))), true
}

func (h *handler) history(w http.ResponseWriter, r *http.Request) {
	since, ok := parseSince(r.URL.Query().Get("since"))
	if !ok {
		http.Error(w, "guardhttp: since: want Unix seconds or an RFC 3339 time", http.StatusBadRequest)
		return
	}
	writeJSON(w, newPoints(h.g.History(since), mostPoints))
}
