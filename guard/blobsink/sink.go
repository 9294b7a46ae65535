package blobsink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/fleet"
)

// Config configures a sink. The zero value works.
type Config struct {
	// Name is the name of the sink. Zero: "blob".
	Name string
	// Prefix starts the name of every object. Zero: "leakguard/".
	Prefix string
	// Places is how many incidents with the same name the fleet stores in a Window,
	// from 1 to 1,000. Zero: 3.
	Places int
	// Window is the period for Places, at least one minute. Windows begin at
	// multiples of it in UTC. Zero: 24 h.
	Window time.Duration
	// MaxBytes bounds the upload of one incident. Files that do not fit are skipped
	// and logged. Zero: 64 MiB.
	MaxBytes int64
	// Wait is how long to wait for the report, which names the suspect. Zero: 5 s.
	Wait time.Duration
	// Logger logs the files that are skipped. Zero: slog.Default().
	Logger *slog.Logger
}

const (
	defaultName     = "blob"
	defaultPrefix   = "leakguard/"
	defaultPlaces   = 3
	mostPlaces      = 1000
	defaultWindow   = 24 * time.Hour
	leastWindow     = time.Minute
	defaultMaxBytes = 64 << 20
	defaultWait     = 5 * time.Second
	// mostKnown bounds the incidents and places that the sink remembers.
	mostKnown = 256
)

// Sink uploads evidence to a bucket. It is safe for concurrent use.
type Sink struct {
	bucket *blob.Bucket
	cfg    Config

	mu    sync.Mutex
	known map[string]*place // by incident
	taken map[string]bool   // places held by other processes
}

var _ guard.Sink = (*Sink)(nil)

// New returns a sink that uploads to bucket. The caller remains responsible for
// closing the bucket, after the guard. The error joins all faults of the
// configuration.
func New(bucket *blob.Bucket, cfg Config) (*Sink, error) {
	var errs []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("blobsink: "+format, args...))
		}
	}
	fault(bucket != nil, "no bucket: open one with gocloud.dev/blob")
	fault(cfg.Places >= 0 && cfg.Places <= mostPlaces, "Places: %d: want 1 to %d (0: %d)", cfg.Places, mostPlaces, defaultPlaces)
	fault(cfg.Window == 0 || cfg.Window >= leastWindow, "Window: %v: want at least %v (0: %v)", cfg.Window, leastWindow, defaultWindow)
	fault(cfg.MaxBytes >= 0, "MaxBytes: %d: want at least 0 bytes (0: 64 MiB)", cfg.MaxBytes)
	fault(cfg.Wait >= 0, "Wait: %v: want at least 0 (0: %v)", cfg.Wait, defaultWait)
	fault(!strings.HasPrefix(cfg.Prefix, "/") && !strings.Contains(cfg.Prefix, ".."), "Prefix: %q: want no leading '/' and no '..'", cfg.Prefix)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	cfg.Name = cmp.Or(cfg.Name, defaultName)
	cfg.Prefix = cmp.Or(cfg.Prefix, defaultPrefix)
	cfg.Places = cmp.Or(cfg.Places, defaultPlaces)
	cfg.Window = cmp.Or(cfg.Window, defaultWindow)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultMaxBytes)
	cfg.Wait = cmp.Or(cfg.Wait, defaultWait)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	return &Sink{bucket: bucket, cfg: cfg, known: make(map[string]*place), taken: make(map[string]bool)}, nil
}

// Name returns the name of the sink.
func (s *Sink) Name() string { return s.cfg.Name }

// Deliver uploads the event's new evidence if this process holds a place for the
// incident. It accepts other events at no cost. It blocks until the upload is
// complete, fails permanently, or ctx is done.
func (s *Sink) Deliver(ctx context.Context, e guard.Event) error {
	if e.Kind == guard.Opened || e.Kind == guard.Escalated {
		return nil // the evidence follows with Captured
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, p, err := s.place(ctx, e)
	if err != nil || p == nil {
		return err
	}
	return s.upload(ctx, in, p)
}

// Claim reports whether this process stores the incident for the fleet. It makes
// the same decision as Deliver, and claims a place if none has been made. Other
// sinks can ask it to avoid sending the same incident ten thousand times.
func (s *Sink) Claim(ctx context.Context, e guard.Event) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, err := s.place(ctx, e)
	return p != nil, err
}

// place returns the incident and the place that this process holds for it. Both are
// nil if other processes hold it or there is no evidence.
func (s *Sink) place(ctx context.Context, e guard.Event) (*fleet.Incident, *place, error) {
	id := e.Incident.ID
	p, decided := s.known[id]
	if decided && p == nil {
		return nil, nil, nil
	}
	wait := s.cfg.Wait
	if decided {
		wait = 0
	}
	in, err := fleet.Read(ctx, e, wait)
	if errors.Is(err, fleet.ErrNoEvidence) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("blobsink: incident %s: %w", id, err)
	}
	if decided {
		return &in, p, nil
	}
	if p, err = s.claim(ctx, &in, e.Redelivered); err != nil {
		return nil, nil, fmt.Errorf("blobsink: incident %s: claim a place: %w", id, err)
	}
	if len(s.known) >= mostKnown {
		clear(s.known) // a later event of an old incident then claims again
	}
	s.known[id] = p
	return &in, p, nil
}
