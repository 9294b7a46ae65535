package sentryhook_test

import (
	"context"
	"fmt"
	"log"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/sentryhook"
)

// Incidents of a guard become events in Sentry, with their evidence attached.
func ExampleNewSink() {
	// Call sentry.Init before; a nil hub is the current one.
	sink, err := sentryhook.NewSink(nil, sentryhook.SinkConfig{StripLabels: true})
	if err != nil {
		log.Fatal(err)
	}
	config := guard.Config{Sinks: []guard.Sink{sink}}
	fmt.Println(config.Sinks[0].Name())
	// guard.Start(config) begins to watch.
	// Output: sentry
}

// To tell two projects of Sentry, use two sinks, each with a hub whose client is that
// project's.
func ExampleSinkConfig() {
	client, err := sentry.NewClient(sentry.ClientOptions{Dsn: ""}) // the other project's
	if err != nil {
		log.Fatal(err)
	}
	hub := sentry.NewHub(client, sentry.NewScope())
	sink, err := sentryhook.NewSink(hub, sentryhook.SinkConfig{
		Name:           "sentry-platform", // each sink of a guard has its own
		MaxAttachments: -1,                // the event only
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sink.Name())
	// Output: sentry-platform
}

func ExampleSink_Stats() {
	sink, err := sentryhook.NewSink(nil, sentryhook.SinkConfig{})
	if err != nil {
		log.Fatal(err)
	}
	s := sink.Stats()
	fmt.Println(s.Events, "events,", s.LeftOut, "files left out")
	// Output: 0 events, 0 files left out
}

func ExampleSink_Deliver() {
	// Without a DSN the SDK is switched off, and so is the sink.
	client, err := sentry.NewClient(sentry.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	sink, err := sentryhook.NewSink(sentry.NewHub(client, sentry.NewScope()), sentryhook.SinkConfig{})
	if err != nil {
		log.Fatal(err)
	}
	err = sink.Deliver(context.Background(), guard.Event{Kind: guard.Recovered})
	fmt.Println(err, sink.Stats().Disabled)
	// Output: <nil> 1
}
