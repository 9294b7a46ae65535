package blobsink

import (
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

// Config configures a sink. Its zero value works.
type Config struct {
	// Name is the sink's. Zero: "blob".
	Name string
	// Prefix is put before all names of objects. Zero: "leakguard/".
	Prefix string
	// Places is how many incidents of one name the fleet keeps in a Window, from
	// 1 to 1,000. Zero: 3.
	Places int
	// Window is for how long that holds, from one minute; windows begin at
	// multiples of it in UTC. Zero: 24 h.
	Window time.Duration
	// MaxBytes bounds what is uploaded of one incident. Files that do not fit are
	// left out and logged. Zero: 64 MiB.
	MaxBytes int64
	// Wait is how long to wait for the report, which names the suspect. Zero: 5 s.
	Wait time.Duration
	// Logger is told what is left out. Zero: slog.Default.
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
	// mostKnown bounds what the sink remembers of incidents and places.
	mostKnown = 256
)

// Sink brings evidence to a bucket. It is safe for concurrent use.
type Sink struct {
	bucket *blob.Bucket
	cfg    Config

	mu    sync.Mutex
	known map[string]*place // by incident
	taken map[string]bool   // places that others have
}

var _ guard.Sink = (*Sink)(nil)

// New returns a sink that writes to the bucket, which stays the caller's to close,
// after the guard. Its error joins all faults of the configuration.
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
	fault(cfg.MaxBytes >= 0, "MaxBytes: %d: want bytes, at least 0 (0: 64 MiB)", cfg.MaxBytes)
	fault(cfg.Wait >= 0, "Wait: %v: want at least 0 (0: %v)", cfg.Wait, defaultWait)
	fault(!strings.HasPrefix(cfg.Prefix, "/") && !strings.Contains(cfg.Prefix, ".."), "Prefix: %q: want no leading '/' and no '..'", cfg.Prefix)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	if cfg.Prefix == "" {
		cfg.Prefix = defaultPrefix
	}
	if cfg.Places == 0 {
		cfg.Places = defaultPlaces
	}
	if cfg.Window == 0 {
		cfg.Window = defaultWindow
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	if cfg.Wait == 0 {
		cfg.Wait = defaultWait
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Sink{bucket: bucket, cfg: cfg, known: make(map[string]*place), taken: make(map[string]bool)}, nil
}

// Name returns the sink's name.
func (s *Sink) Name() string { return s.cfg.Name }

// Deliver uploads what the event has brought, where this process has a place for
// the incident. Events without new evidence are accepted and cost nothing.
func (s *Sink) Deliver(ctx context.Context, e guard.Event) error {
	if e.Kind == guard.Opened || e.Kind == guard.Escalated {
		return nil // the evidence comes with Captured
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, p, err := s.place(ctx, e)
	if err != nil || p == nil {
		return err
	}
	return s.upload(ctx, in, p)
}

// Claim reports whether the evidence of the event's incident speaks for the fleet,
// as Deliver decides it, and claims a place if that is not decided yet. Other sinks
// can ask it so that they do not send ten thousand times the same.
func (s *Sink) Claim(ctx context.Context, e guard.Event) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, p, err := s.place(ctx, e)
	return p != nil, err
}

// place returns the incident and the place that this process has for it; nil if
// others have it, or if there is no evidence.
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
		clear(s.known) // then a later event of an old incident asks once more
	}
	s.known[id] = p
	return &in, p, nil
}
