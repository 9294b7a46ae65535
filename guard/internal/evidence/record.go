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
	// Of a long incident the first and the newest entries are kept: how it began,
	// and how it stands.
	keptFirst  = 8
	keptNewest = 48
)

// Record is an incident's manifest while the incident is under way. The loop adds
// what is decided, a capture what it takes. Whoever writes it to disk writes what
// it holds then, so that what was written last is never older than what was
// written before.
type Record struct {
	writing sync.Mutex // held while it is written; taken before mu

	mu        sync.Mutex
	manifest  incident.Manifest // without captures and decisions
	captures  ends[incident.CaptureRecord]
	decisions ends[incident.Decision]
}

// NewRecord returns one that begins with the manifest.
func NewRecord(m incident.Manifest) *Record { return &Record{manifest: m} }

// RecordOf is the record of an incident that was read from disk.
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

// Capture adds a round of evidence, or what has been added to it.
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

// Snapshot returns the manifest as it stands.
func (r *Record) Snapshot() incident.Manifest {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.manifest
	m.Captures = r.captures.list()
	m.Decisions = r.decisions.list()
	if first := r.decisions.first; len(first) > 0 && r.decisions.left+r.captures.left > 0 {
		gap := incident.Decision{Time: first[len(first)-1].Time,
			Text: fmt.Sprintf("%d decisions and %d captures are left out here", r.decisions.left, r.captures.left)}
		m.Decisions = slices.Insert(m.Decisions, len(first), gap)
	}
	return m
}

// Write writes the manifest into the incident's folder.
func (r *Record) Write(f *store.Folder) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	return f.WriteManifest(r.Snapshot())
}

// ends keeps the first and the newest entries of a list, and counts the others.
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

// list returns a copy of what is kept.
func (e *ends[T]) list() []T { return slices.Concat(e.first, e.newest) }
