// Package evidence captures the evidence of an incident: profiles at the crossing, a fresh
// heap profile after a forced GC, and baselines from calm times. It saves them in the
// incident's folder, with a manifest that records the outcome of each.
//
// This package decides the order of the profiles, and which ones are skipped for lack of
// memory or time. Package guard decides which incident gets evidence, and when.
//
// # Concurrency
//
// Each capture has its own goroutine. It does not wait for other captures, baselines or
// censuses. Process-wide resources are shared between guards: one capture at a time takes
// a CPU profile, and the others skip theirs; one guard at a time forces GCs.
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

// Config configures a Taker. All functions must be set. They are called concurrently.
type Config struct {
	Store         *store.Store // nil: no disk
	Log           *slog.Logger
	Module        string // path of the main module
	NoForcedGC    bool
	GoroutineLeak bool // profiles of that kind are allowed
	CPUProfile    time.Duration

	FolderMade func(id string)              // an incident has evidence in its folder
	Stepped    func(s incident.CaptureStep) // a profile was written, skipped or lost
	Baselined  func(kept bool)              // a baseline was saved or lost
	Panicked   func()                       // a panic was recovered
	First      func(about string) bool      // reports whether this is the first call, for messages that are logged once
}

// Taker takes evidence.
type Taker struct {
	cfg    Config
	gauge  gauge
	open   openFolders
	rounds sync.WaitGroup

	taking atomic.Int32 // running captures
	// lacksBaseline says that a baseline was lost.
	lacksBaseline atomic.Bool
	// stacks is held while a census reads the stacks of all goroutines, which the runtime
	// does for one caller at a time.
	stacks  sync.Mutex
	runtime lockedReader
	survey  surveyor
}

// NewTaker returns a Taker. It knows no limit until Stands is called.
func NewTaker(cfg Config) *Taker {
	t := &Taker{cfg: cfg, runtime: lockedReader{reader: goruntime.NewReader()}, survey: newSurveyor(cfg.Module)}
	t.Stands(State{Headroom: profile.Unknown, Left: -1})
	return t
}

// Close closes the open folders. No capture may be running.
func (t *Taker) Close() { t.open.close() }

// lockedReader makes a reader of the runtime's metrics safe for concurrent use.
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
