package pyrosink_test

import (
	"log"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/pyrosink"
)

// Push the profiles of incidents to Pyroscope, labelled with the environment. In a
// fleet, set Only to the Claim of a sink of package blobsink.
func ExampleNew() {
	sink, err := pyrosink.New("https://pyroscope.example.com", pyrosink.Config{
		Labels: map[string]string{"env": "production"},
	})
	if err != nil {
		log.Fatal(err)
	}
	g, err := guard.Start(guard.Config{Sinks: []guard.Sink{sink}})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
}
