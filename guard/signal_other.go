//go:build !unix

package guard

import "os"

const haveCaptureSignal = false

func notifySignal() chan os.Signal { return nil }

func stopSignal(chan os.Signal) {}
