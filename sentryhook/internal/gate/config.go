package gate

import (
	"errors"
	"fmt"
	"time"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook/internal/sdk"
)

// Config configures a [Gate]. sentryhook.GateConfig documents the fields, and is
// converted to it.
type Config struct {
	Plain           *sentry.Client
	Guard           *guard.Guard
	MaxGoroutines   int
	MaxHeapShare    float64
	MaxPayload      int64
	UnknownDuration time.Duration
	Settle          time.Duration
}

const (
	defaultMaxGoroutines   = 500
	defaultMaxHeapShare    = 0.7
	defaultMaxPayload      = 8 << 20
	defaultUnknownDuration = 10 * time.Second
	defaultSettle          = time.Minute
)

func (cfg Config) validate() error {
	var errs []error
	check := func(ok bool, field string, got any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("sentryhook: GateConfig.%s is %v: want %s", field, got, want))
		}
	}
	check(cfg.MaxGoroutines >= 0, "MaxGoroutines", cfg.MaxGoroutines, "a number of at least 0")
	check(cfg.MaxHeapShare >= 0 && cfg.MaxHeapShare <= 1, "MaxHeapShare", cfg.MaxHeapShare, "a share between 0 and 1")
	check(cfg.MaxPayload >= 0, "MaxPayload", cfg.MaxPayload, "a number of bytes of at least 0")
	check(cfg.UnknownDuration >= 0, "UnknownDuration", cfg.UnknownDuration, "a duration of at least 0")
	check(cfg.Plain == nil || !sdk.TakesProfiles(cfg.Plain.Options()), "Plain", "a client that profiles", "one whose ProfilesSampleRate is 0")
	return errors.Join(errs...)
}
