package guard

import (
	"errors"
	"os"
	"time"

	"github.com/leakguard/leakguard/internal/cpuclock"
	"github.com/leakguard/leakguard/internal/gcend"
)

// wakers wake the loop for a look.
type wakers struct {
	timer  *time.Timer
	gcEnd  *gcend.Notifier
	clock  *cpuclock.Clock // nil: not available
	clockC <-chan struct{}
	signal chan os.Signal // nil: none
}

// newWakers returns the wakers for a configuration. why says why there is no CPU clock.
func newWakers(cfg *Config) (w wakers, why error) {
	w = wakers{timer: time.NewTimer(cfg.Interval), gcEnd: gcend.Notify()}
	if !cfg.PollOnly {
		if w.clock, why = cpuclock.New(); why == nil {
			w.clockC = w.clock.C
		} else {
			w.clock = nil
		}
	}
	if cfg.CaptureOnSignal {
		w.signal = notifySignal()
	}
	return w, why
}

func (w *wakers) close() error {
	w.timer.Stop()
	w.gcEnd.Stop()
	stopSignal(w.signal)
	var errs []error
	if w.clock != nil {
		errs = append(errs, w.clock.Close())
	}
	return errors.Join(errs...)
}
