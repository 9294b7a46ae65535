//go:build linux

// Command plain is the measured service in a program without a guard.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/leakguard/leakguard/guard/internal/overhead/service"
)

func main() {
	if err := service.Serve(http.NewServeMux()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
