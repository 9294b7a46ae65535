//go:build unix

package guard

import (
	"os"
	"os/signal"
	"syscall"
)

const haveCaptureSignal = true

func notifySignal() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	return c
}

func stopSignal(c chan os.Signal) {
	if c != nil {
		signal.Stop(c)
	}
}
