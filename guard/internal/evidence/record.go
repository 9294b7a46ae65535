package evidence

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leakguard/leakguard/internal/store"
	"github.com/leakguard/leakguard/profile/incident"
)

const (
	// A long incident keeps its first and its newest entries, which show how it began and
	// its present state.
	keptFirst  = 8
	keptNewest = 48
)

// Record is the manifest of a current incident. The loop adds decisions, and captures add
// their results. Each write to disk takes a new snapshot under a lock, so that a later
// write never contains an older state.
type Record struct {
	writing sync.Mutex // held during a write; locked before mu

	mu        sync.Mutex
	manifest  incident.Manifest // without captures and decisions
	captures  ends[incident.CaptureRecord]
	decisions ends[incident.Decision]
}

// NewRecord returns a record that begins with the manifest.
func NewRecord(m incident.Manifest) *Record { return &Record{manifest: m} }

// RecordOf returns the record of an incident that was read from disk.
func RecordOf(m incident.Manifest) *Record {
	r := NewRecord(m)
	r.captures.first, r.decisions.first = m.Captures, m.Decisions
	return r
}

// Decide adds a decision.
func (r *Record) Decide(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.decisions.add(incident.Decision{Time: time.Now(), Text: text})
}

// Capture adds or updates the record of a capture.
func (r *Record) Capture(c incident.CaptureRecord) {
	c.Steps = slices.Clone(c.Steps)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, list := range [][]incident.CaptureRecord{r.captures.newest, r.captures.first} {
		for i := range list {
			if list[i].Seq == c.Seq {
				list[i] = c
				return
			}
		}
	}
	r.captures.add(c)
}

// Update changes the manifest.
func (r *Record) Update(change func(m *incident.Manifest)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.manifest)
}

// Snapshot returns a copy of the present manifest.
func (r *Record) Snapshot() incident.Manifest {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.manifest
	m.Captures = r.captures.list()
	m.Decisions = r.decisions.list()
	if first := r.decisions.first; len(first) > 0 && r.decisions.left+r.captures.left > 0 {
		gap := incident.Decision{Time: first[len(first)-1].Time,
			Text: fmt.Sprintf("%d decisions and %d captures are omitted here", r.decisions.left, r.captures.left)}
		m.Decisions = slices.Insert(m.Decisions, len(first), gap)
	}
	return m
}

// Write writes the manifest to the incident's folder.
func (r *Record) Write(f *store.Folder) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	return f.WriteManifest(r.Snapshot())
}

// ends keeps the first and the newest entries of a list and counts the others.
type ends[T any] struct {
	first, newest []T
	left          int
}

func (e *ends[T]) add(x T) {
	if len(e.first) < keptFirst {
		e.first = append(e.first, x)
		return
	}
	if len(e.newest) == keptNewest {
		e.newest = slices.Delete(e.newest, 0, 1)
		e.left++
	}
	e.newest = append(e.newest, x)
}

// list returns a copy of the entries that are kept.
func (e *ends[T]) list() []T { return slices.Concat(e.first, e.newest) }
