// Package evidence takes the evidence of an incident: profiles at the crossing, a
// fresh one after a forced GC, and beside them baselines from calm times. It keeps
// them in the incident's folder, with a manifest that says what became of each.
//
// What is here decides in which order that is done and what is left out for want of
// memory or time. Which incident gets evidence, and when, is guard's to decide.
//
// # Concurrency
//
// Each round of evidence has a goroutine of its own, and none waits for another, nor
// for a baseline or a census. What the process has one of is shared between guards:
// a CPU profile is taken by one round at a time, the others say that there is none;
// a GC is forced by one guard at a time.
package evidence

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leakguard/leakguard/internal/goruntime"
	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile"
	"github.com/leakguard/leakguard/profile/incident"
)

// Config is what a Taker works with. All functions must be set; they are called by
// several goroutines.
type Config struct {
	Store         *store.Store // nil: no disk
	Log           *slog.Logger
	Module        string // path of the main module
	NoForcedGC    bool
	GoroutineLeak bool // profiles of that kind are allowed
	CPUProfile    time.Duration

	FolderMade func(id string)              // an incident has evidence in its folder
	Stepped    func(s incident.CaptureStep) // this became of a profile
	Baselined  func(kept bool)              // a baseline was kept or lost
	Panicked   func()                       // a panic was recovered
	First      func(about string) bool      // reports whether it is the first time, for what is logged once
}

// Taker takes evidence.
type Taker struct {
	cfg    Config
	gauge  gauge
	open   openFolders
	rounds sync.WaitGroup

	taking atomic.Int32 // rounds under way
	// lacksBaseline says that a baseline was lost.
	lacksBaseline atomic.Bool
	// stacks is held while a survey takes the stacks of all goroutines, which the
	// runtime does for one caller at a time.
	stacks  sync.Mutex
	runtime lockedReader
	survey  surveyor
}

// NewTaker returns a Taker. Until Stands is called it knows of no limit.
func NewTaker(cfg Config) *Taker {
	t := &Taker{cfg: cfg, runtime: lockedReader{reader: goruntime.NewReader()}, survey: newSurveyor(cfg.Module)}
	t.Stands(State{Headroom: profile.Unknown, Left: -1})
	return t
}

// Close closes the folders that are open. No round may be under way.
func (t *Taker) Close() { t.open.close() }

// lockedReader reads the runtime's metrics for several goroutines.
type lockedReader struct {
	mu     sync.Mutex
	reader *goruntime.Reader
}

func (r *lockedReader) read() (s goruntime.Stat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reader.Read(&s)
	return s
}
