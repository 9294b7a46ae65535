//go:build linux

package harness

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// Culprit is the function that leaks in the victim. Its closures count as it.
const Culprit = "main.leakHere"

// Leak is what is known about a leak from outside its process.
type Leak struct {
	Stamps     []Stamp // how much had leaked when, oldest first
	Goroutines bool    // whether goroutines leaked instead of bytes
}

// At returns how much had leaked at t.
func (l Leak) At(t time.Time) int64 {
	i, _ := slices.BinarySearchFunc(l.Stamps, t, func(s Stamp, t time.Time) int {
		if s.At.After(t) {
			return 1
		}
		return -1
	})
	if i == 0 {
		return 0
	}
	return l.Stamps[i-1].Leaked
}

// Death returns the time of the last sign of life, or zero if there was none.
func (l Leak) Death() time.Time {
	if len(l.Stamps) == 0 {
		return time.Time{}
	}
	return l.Stamps[len(l.Stamps)-1].At
}

// Rate returns the leak per second until nine tenths had leaked. At the limit the
// kernel suspends a process for 100 ms and more before it kills it.
func (l Leak) Rate() float64 {
	if len(l.Stamps) == 0 {
		return 0
	}
	start, all := l.Stamps[0], l.Stamps[len(l.Stamps)-1].Leaked
	for _, s := range l.Stamps[1:] {
		if s.Leaked-start.Leaked >= all/10*9 {
			return float64(s.Leaked-start.Leaked) / s.At.Sub(start.At).Seconds()
		}
	}
	return 0
}

// Evidence is one profile of an incident, with its assessment.
type Evidence struct {
	File   string    `json:"file"`            // relative to the guard's folder
	Taken  time.Time `json:"taken"`           // time stamp in the profile
	OnDisk time.Time `json:"on_disk"`         // last written, by the file system's clock, which ticks every 1 to 4 ms
	Leaked int64     `json:"leaked"`          // when it was taken
	Blamed int64     `json:"blamed"`          // how much it attributes to the culprit
	First  string    `json:"first,omitempty"` // heap only: what grew most since the baseline
	Fault  string    `json:"fault,omitempty"` // why it does not name the leak; "" if it does
}

// Share returns the share of the leak that the evidence attributes to the culprit.
func (e Evidence) Share() float64 {
	if e.Leaked == 0 {
		return 0
	}
	return float64(e.Blamed) / float64(e.Leaked)
}

// Verdict says whether a dead process left evidence that names its leak.
type Verdict struct {
	// Survived reports whether it did or, for a process that does not leak, whether
	// it caused at most one incident.
	Survived  bool          `json:"survived"`
	Reason    string        `json:"reason,omitempty"` // why not, in one line
	Incidents int           `json:"incidents"`
	Evidence  []Evidence    `json:"evidence,omitempty"` // in the order in which it was taken
	Share     float64       `json:"share"`              // the best share of the valid evidence
	Margin    time.Duration `json:"margin_ns"`          // from the first valid evidence to the death
	AnyWhole  bool          `json:"any_whole"`          // whether an incident has at least one whole profile of any kind, stale or not
	Torn      []string      `json:"torn,omitempty"`     // files with a final name that cannot be parsed
}

var (
	incidentName = regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-`)
	profileName  = regexp.MustCompile(`^[a-z]+(-fresh)?(\.\d+)?\.pb\.gz$`) // excludes baselines
	heapName     = regexp.MustCompile(`^heap(-fresh)?(\.\d+)?\.pb\.gz$`)
	gorName      = regexp.MustCompile(`^goroutine(\.\d+)?\.pb\.gz$`)
)

// Judge assesses what a guard left in its folder dir when the process died.
//
// A heap profile counts if it attributes to the culprit at least half of what had
// leaked at that time, and if its difference from the incident's baseline ranks the
// culprit first. On its own even a fresh profile ranks the honest heap first. If
// goroutines leaked, a goroutine profile counts if at least half of its goroutines
// are the culprit's. Judge does not read the manifest, because the process may die
// before it is written. A single torn file with a final name fails the run,
// whatever else there is.
func Judge(dir string, leak Leak) (Verdict, error) {
	var v Verdict
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return v, fmt.Errorf("harness: judge: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		err := v.findTorn(dir, entry.Name()) // the baselines too
		if err == nil && incidentName.MatchString(entry.Name()) {
			v.Incidents++
			err = v.incident(dir, entry.Name(), leak)
		}
		if err != nil {
			return v, fmt.Errorf("harness: judge: %w", err)
		}
	}
	slices.SortStableFunc(v.Evidence, func(a, b Evidence) int { return a.Taken.Compare(b.Taken) })
	for _, e := range v.Evidence {
		if e.Fault != "" {
			continue
		}
		if !v.Survived {
			v.Survived, v.Margin = true, leak.Death().Sub(e.OnDisk)
		}
		v.Share = max(v.Share, e.Share())
	}
	switch {
	case len(v.Torn) > 0:
		v.Survived, v.Reason = false, "torn: "+strings.Join(v.Torn, ", ")
	case v.Survived:
	case len(leak.Stamps) == 0:
		v.Reason = "nothing had leaked"
	case v.Incidents == 0:
		v.Reason = "no incident folder"
	case len(v.Evidence) == 0:
		v.Reason = "an incident folder without a profile of the kind that leaked"
	default:
		last := v.Evidence[len(v.Evidence)-1]
		v.Reason = fmt.Sprintf("%s, %v before death: %s", last.File, leak.Death().Sub(last.OnDisk).Round(time.Millisecond), last.Fault)
	}
	return v, nil
}

// incident assesses the profiles of one incident folder.
func (v *Verdict) incident(dir, id string, leak Leak) error {
	files, err := os.ReadDir(filepath.Join(dir, id))
	if err != nil {
		return err
	}
	base, _, err := parse(filepath.Join(dir, id, "heap-base.pb.gz"))
	if err != nil {
		base = nil // absent, or torn and reported by findTorn
	}
	weighs := heapName
	if leak.Goroutines {
		weighs = gorName
	}
	for _, f := range files {
		if !profileName.MatchString(f.Name()) {
			continue
		}
		p, onDisk, err := parse(filepath.Join(dir, id, f.Name()))
		if err != nil {
			continue
		}
		v.AnyWhole = true
		if !weighs.MatchString(f.Name()) {
			continue
		}
		e := Evidence{File: filepath.Join(id, f.Name()), Taken: time.Unix(0, p.TimeNanos), OnDisk: onDisk}
		if e.OnDisk.Before(e.Taken) {
			e.OnDisk = e.Taken
		}
		e.Leaked = leak.At(e.Taken)
		if leak.Goroutines {
			e.weighGoroutines(p)
		} else {
			e.weighHeap(p, base)
		}
		v.Evidence = append(v.Evidence, e)
	}
	return nil
}

// findTorn records each file below the folder that has its final name but cannot be
// parsed.
func (v *Verdict) findTorn(dir, name string) error {
	return filepath.WalkDir(filepath.Join(dir, name), func(path string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			return err
		}
		var torn error
		switch {
		case strings.HasSuffix(f.Name(), ".pb.gz"):
			_, _, torn = parse(path)
		case strings.HasSuffix(f.Name(), ".json"):
			var data []byte
			if data, torn = os.ReadFile(path); torn == nil && !json.Valid(data) {
				torn = errors.New("not JSON")
			}
		}
		if torn != nil {
			rel, _ := filepath.Rel(dir, path)
			v.Torn = append(v.Torn, fmt.Sprintf("%s (%v)", rel, torn))
		}
		return nil
	})
}

func parse(path string) (*profile.Profile, time.Time, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, err
	}
	p, err := profile.Parse(f)
	return p, info.ModTime(), err
}
