//go:build !linux

package main

import "os"

func maxRSS(*os.ProcessState) (bytes int64, ok bool) { return 0, false }
