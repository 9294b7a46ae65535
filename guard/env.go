package guard

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

const envPrefix = "LEAKGUARD_"

// settings are the variables that WithEnv reads, without the prefix.
var settings = map[string]struct {
	allowed string
	set     func(c *Config, value string) error
}{
	"DIR": {"a path", func(c *Config, v string) error {
		if v == "" {
			return errors.New("empty")
		}
		c.Dir = v
		return nil
	}},
	"LIMIT": {"a byte size, such as 536870912 or 512MiB", func(c *Config, v string) (err error) {
		c.Limit, err = parseBytes(v)
		return err
	}},
	"HEAP": {"a byte size, such as 400MiB", func(c *Config, v string) error {
		n, err := parseBytes(v)
		c.line(Lines{LiveHeap: n})
		return err
	}},
	"SHARE": {"a share of the limit, such as 0.9 or 90%", func(c *Config, v string) error {
		share, err := parseShare(v)
		c.line(Lines{MemoryShare: share})
		return err
	}},
	"GOROUTINES": {"a number above 0, such as 10000", func(c *Config, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		switch {
		case err != nil:
			err = errors.New("not a whole number")
		case n <= 0:
			err = errors.New("not above 0")
		}
		c.line(Lines{Goroutines: n})
		return err
	}},
	"INTERVAL": {"a duration from 10ms to 1m, such as 1s", func(c *Config, v string) (err error) {
		c.Interval, err = time.ParseDuration(v)
		if err == nil && (c.Interval < shortestInterval || c.Interval > longestInterval) {
			err = errors.New("out of range")
		}
		return err
	}},
	"KEEP_BYTES": {"a byte size of at least 1MiB, such as 256MiB", func(c *Config, v string) (err error) {
		c.KeepBytes, err = parseBytes(v)
		if err == nil && c.KeepBytes < leastKeepBytes {
			err = errors.New("too small")
		}
		return err
	}},
	"PRESSURE_SHARE": {"a share of the limit, such as 0.85 or 85%", func(c *Config, v string) (err error) {
		c.Pressure.Share, err = parseShare(v)
		return err
	}},
	"PRESSURE_TIME": {"a duration above 0, such as 30s", func(c *Config, v string) (err error) {
		c.Pressure.Time, err = time.ParseDuration(v)
		if err == nil && c.Pressure.Time <= 0 {
			err = errors.New("not above 0")
		}
		return err
	}},
	"BLACK_BOX": {"true or false", func(c *Config, v string) error {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("not a boolean")
		}
		c.NoBlackBox = !on
		return nil
	}},
	"CRASH_OUTPUT": {"true or false", func(c *Config, v string) (err error) {
		if c.CrashOutput, err = strconv.ParseBool(v); err != nil {
			err = errors.New("not a boolean")
		}
		return err
	}},
	"OFF": {"true or false", func(c *Config, v string) (err error) {
		if c.Off, err = strconv.ParseBool(v); err != nil {
			err = errors.New("not a boolean")
		}
		return err
	}},
}

// line sets one line. If Rules is set, it replaces or adds the rule of that name
// there, else it sets the field of Lines.
func (c *Config) line(l Lines) {
	if c.Rules != nil {
		c.Rules = overlay(c.Rules, l.rules())
		return
	}
	if l.MemoryShare != 0 {
		c.Lines.MemoryShare = l.MemoryShare
	}
	if l.LiveHeap != 0 {
		c.Lines.LiveHeap = l.LiveHeap
	}
	if l.Goroutines != 0 {
		c.Lines.Goroutines = l.Goroutines
	}
}

// WithEnv returns c with the settings of the environment applied, so that an image
// can be configured without a rebuild. [Start] never reads the environment itself.
// The variables are:
//
//	LEAKGUARD_DIR             Dir
//	LEAKGUARD_LIMIT           Limit, such as 536870912 or 512MiB
//	LEAKGUARD_SHARE           line of rule 'memory', such as 0.9 or 90%
//	LEAKGUARD_HEAP            line of rule 'live-heap', such as 400MiB
//	LEAKGUARD_GOROUTINES      line of rule 'goroutines', such as 10000
//	LEAKGUARD_INTERVAL        Interval, such as 1s
//	LEAKGUARD_KEEP_BYTES      KeepBytes, such as 256MiB
//	LEAKGUARD_PRESSURE_SHARE  Pressure.Share, such as 0.85 or 85%
//	LEAKGUARD_PRESSURE_TIME   Pressure.Time, such as 30s
//	LEAKGUARD_BLACK_BOX       the opposite of NoBlackBox, true or false
//	LEAKGUARD_CRASH_OUTPUT    CrashOutput, true or false
//	LEAKGUARD_OFF             Off, true or false
//
// If Rules is set, each line replaces the rule of that name, or adds it. Byte sizes
// may have the unit B, KiB, MiB, GiB or TiB; the default is B.
//
// WithEnv ignores the variables that Kubernetes sets for a Service called leakguard:
// LEAKGUARD_SERVICE_*, LEAKGUARD_PORT and LEAKGUARD_PORT_*. It returns an error that
// names every other unknown LEAKGUARD_* variable and every invalid value. With an
// error it returns c unchanged.
func (c Config) WithEnv() (Config, error) { return c.withEnviron(os.Environ()) }

func (c Config) withEnviron(environ []string) (Config, error) {
	out := c
	var errs []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		key, ours := strings.CutPrefix(name, envPrefix)
		if !ours || strings.HasPrefix(key, "SERVICE_") || key == "PORT" || strings.HasPrefix(key, "PORT_") {
			continue
		}
		setting, known := settings[key]
		if !known {
			errs = append(errs, fmt.Errorf("%s: unknown setting; the settings are %s", name, settingNames()))
			continue
		}
		if err := setting.set(&out, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q: %w; want %s", name, value, err, setting.allowed))
		}
	}
	if len(errs) > 0 {
		return c, fmt.Errorf("guard: faults in the environment: %d:\n%w", len(errs), errors.Join(errs...))
	}
	return out, nil
}

func settingNames() string {
	names := make([]string, 0, len(settings))
	for key := range settings {
		names = append(names, envPrefix+key)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}

// parseBytes parses a byte size above 0, with or without a unit.
func parseBytes(text string) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return n, nil // a float64 would keep only 53 bits
	}
	number, factor := text, 1.0
	for _, unit := range []struct {
		suffix string
		factor float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}} {
		if n, ok := strings.CutSuffix(text, unit.suffix); ok {
			number, factor = strings.TrimSpace(n), unit.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errors.New("not a byte size")
	}
	if n *= factor; !(n >= 1 && n < math.MaxInt64) {
		return 0, errors.New("out of range")
	}
	return int64(n), nil
}

// parseShare parses '0.9' or '90%'.
func parseShare(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errors.New("not a number")
	}
	if percent {
		share /= 100
	}
	if !(share > 0 && share <= 1) {
		return 0, errors.New("out of range")
	}
	return share, nil
}
