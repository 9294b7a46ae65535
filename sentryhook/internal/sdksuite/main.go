// Command sdksuite runs the tests of sentry-go itself, once as they are and once with every
// request of the SDK going through sentryhook's transport. Whatever passes without it has
// to pass with it.
//
//	go run ./sentryhook/internal/sdksuite                  # the oldest release and the newest
//	go run ./sentryhook/internal/sdksuite v0.47.0          # another one
//
// It is started in the root of leakguard's module. The releases come from the module proxy,
// and so do the modules that their tests need.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sdksuite:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, versions []string) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	if len(versions) == 0 {
		if versions, err = required(ctx, root); err != nil {
			return err
		}
	}
	tmp, err := os.MkdirTemp("", "sdksuite")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	var faults []error
	for _, v := range versions {
		faults = append(faults, compare(ctx, root, tmp, v))
	}
	return errors.Join(faults...)
}

// compare runs the tests of a release without the transport and with it.
func compare(ctx context.Context, root, tmp, version string) error {
	without, err := newSuite(ctx, tmp, version, "without")
	if err != nil {
		return err
	}
	with, err := newSuite(ctx, tmp, version, "with")
	if err != nil {
		return err
	}
	if err := with.route(ctx, root, tmp); err != nil {
		return fmt.Errorf("%s: route the requests through the transport: %w", version, err)
	}
	var was, is results
	var wasErr, isErr error
	var wg sync.WaitGroup
	wg.Go(func() { was, wasErr = without.test(ctx, "") })
	wg.Go(func() { is, isErr = with.test(ctx, "") })
	wg.Wait()
	if err := errors.Join(wasErr, isErr); err != nil {
		return fmt.Errorf("%s: %w", version, err)
	}
	var broken []string
	for _, test := range was.passed() {
		if is[test] == pass {
			continue
		}
		ok, err := settle(ctx, without, with, test)
		if err != nil {
			return fmt.Errorf("%s: %w", version, err)
		}
		if ok {
			is[test] = pass
		} else {
			broken = append(broken, test.String())
		}
	}
	requests := with.requests()
	fmt.Printf("sentry-go %s: %d tests pass without the transport, %d with it, %d requests went through\n",
		version, len(was.passed()), len(is.passed()), requests)
	switch {
	case len(broken) > 0:
		return fmt.Errorf("%s: these pass without the transport and fail with it:\n\t%s", version, strings.Join(broken, "\n\t"))
	case len(was.passed()) < 100 || requests == 0:
		return fmt.Errorf("%s: too few tests or requests: this run tells nothing", version)
	}
	return nil
}

// settle runs a test alone that has failed with the transport: tests of the SDK depend on
// the time, and on the network. It reports whether the transport is not to blame.
func settle(ctx context.Context, without, with *suite, test name) (bool, error) {
	for range 3 {
		is, err := with.test(ctx, test.pkg, test.top())
		if err != nil {
			return false, err
		}
		if is[test] == pass {
			return true, nil
		}
	}
	was, err := without.test(ctx, test.pkg, test.top())
	return was[test] != pass, err
}
