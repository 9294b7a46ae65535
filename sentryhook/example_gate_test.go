package sentryhook_test

import (
	"fmt"
	"log"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook"
)

// With sentry-go v0.30.0, options.ProfilesSampleRate says what share of the
// transactions is profiled. The gate prevents that while it would hurt.
func ExampleNewGate() {
	var g *guard.Guard // from guard.Start

	options := sentry.ClientOptions{
		Dsn:              "", // yours
		EnableTracing:    true,
		TracesSampleRate: 0.2,
	}
	// A client that does not profile, for the gate.
	plain, err := sentry.NewClient(options)
	if err != nil {
		log.Fatal(err)
	}
	gate, err := sentryhook.NewGate(sentryhook.GateConfig{Plain: plain, Guard: g})
	if err != nil {
		log.Fatal(err)
	}
	// With v0.30.0 here as well: options.ProfilesSampleRate = 0.1
	options.TracesSampler = gate.TracesSampler(options.TracesSampler)
	options.BeforeSendTransaction = gate.BeforeSendTransaction(options.BeforeSendTransaction)
	if err := sentry.Init(options); err != nil {
		log.Fatal(err)
	}

	// At the end of the program: sentry.Flush(2 * time.Second) and
	// plain.Flush(2 * time.Second).
	fmt.Println(gate.Stats().Allowed)
	// Output: 0
}

func ExampleGate_Stats() {
	gate, err := sentryhook.NewGate(sentryhook.GateConfig{})
	if err != nil {
		log.Fatal(err)
	}
	for reason, n := range gate.Stats().Refused {
		fmt.Printf("%d profiles refused: %v\n", n, reason)
	}
	// Output:
}
