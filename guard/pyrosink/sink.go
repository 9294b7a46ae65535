package pyrosink

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/internal/fleet"
)

// Config configures a sink. The zero value works.
type Config struct {
	// Name is the name of the sink. Zero: "pyroscope".
	Name string
	// App is the application's name in Pyroscope. Zero: the service's name.
	App string
	// Labels are added to each profile. Their names may contain letters, digits and
	// '_'. Zero: none.
	Labels map[string]string
	// Header is sent with each request, for authorisation or to select a tenant
	// (X-Scope-OrgID). Zero: none. Credentials can also be given in the URL.
	Header http.Header
	// Client sends the requests. Zero: a client with a timeout of 10 s per request.
	Client *http.Client
	// MaxBytes bounds the size of a profile; larger ones are skipped. Zero: 16 MiB.
	MaxBytes int64
	// Wait is how long to wait for the report, which names the suspect. Zero: 5 s.
	Wait time.Duration
	// Only decides whether this process pushes the profiles of an incident. Its error
	// fails the delivery. Zero: every process pushes its own.
	Only func(ctx context.Context, e guard.Event) (bool, error)
}

const (
	defaultName     = "pyroscope"
	defaultMaxBytes = 16 << 20
	defaultWait     = 5 * time.Second
	requestTimeout  = 10 * time.Second
	// mostKnown bounds the posted profiles that the sink remembers.
	mostKnown = 512
)

// Sink pushes profiles to one Pyroscope server. It is safe for concurrent use.
type Sink struct {
	ingest *url.URL
	cfg    Config

	mu     sync.Mutex
	posted map[string]bool // by incident and file
}

var _ guard.Sink = (*Sink)(nil)

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// New returns a sink for the Pyroscope server at an address such as
// https://pyroscope.example.com. The error joins all faults of the configuration.
func New(address string, cfg Config) (*Sink, error) {
	var errs []error
	u, err := url.Parse(address)
	switch {
	case err != nil:
		errs = append(errs, fmt.Errorf("pyrosink: address: %w", err))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		errs = append(errs, fmt.Errorf("pyrosink: address: %q: want http:// or https:// and a host", u.Redacted()))
	}
	for name := range cfg.Labels {
		if !labelName.MatchString(name) || slices.Contains(ownLabels, name) {
			errs = append(errs, fmt.Errorf("pyrosink: Labels: %q: want letters, digits and '_', and none of %q", name, ownLabels))
		}
	}
	if cfg.MaxBytes < 0 {
		errs = append(errs, fmt.Errorf("pyrosink: MaxBytes: %d: want at least 0 bytes (0: 16 MiB)", cfg.MaxBytes))
	}
	if cfg.Wait < 0 {
		errs = append(errs, fmt.Errorf("pyrosink: Wait: %v: want at least 0 (0: %v)", cfg.Wait, defaultWait))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	cfg.Name = cmp.Or(cfg.Name, defaultName)
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultMaxBytes)
	cfg.Wait = cmp.Or(cfg.Wait, defaultWait)
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: requestTimeout}
	}
	return &Sink{ingest: u.JoinPath("ingest"), cfg: cfg, posted: make(map[string]bool)}, nil
}

// Name returns the name of the sink.
func (s *Sink) Name() string { return s.cfg.Name }

// Deliver posts the event's new profiles. It accepts other events at no cost. It
// blocks until the profiles have been posted, a request fails permanently, or ctx
// is done.
func (s *Sink) Deliver(ctx context.Context, e guard.Event) error {
	if e.Kind != guard.Captured {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, err := fleet.Read(ctx, e, s.cfg.Wait)
	if errors.Is(err, fleet.ErrNoEvidence) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pyrosink: incident %s: %w", e.Incident.ID, err)
	}
	if s.cfg.Only != nil {
		if ours, err := s.cfg.Only(ctx, e); err != nil || !ours {
			if err != nil {
				err = fmt.Errorf("pyrosink: incident %s: Config.Only: %w", e.Incident.ID, err)
			}
			return err
		}
	}
	var errs []error
	for _, p := range choose(&in, s.cfg.MaxBytes) {
		key := in.Manifest.ID + "/" + p.file.Name
		if s.posted[key] {
			continue
		}
		if err := s.post(ctx, &in, p); err != nil {
			errs = append(errs, fmt.Errorf("pyrosink: incident %s: push %s: %w", e.Incident.ID, p.file.Name, err))
			continue
		}
		if len(s.posted) >= mostKnown {
			clear(s.posted)
		}
		s.posted[key] = true
	}
	return errors.Join(errs...)
}
