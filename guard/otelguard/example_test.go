package otelguard_test

import (
	"log"

	"go.opentelemetry.io/otel"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/otelguard"
)

// A service shows its guard's state beside its other metrics.
func ExampleRegister() {
	g, err := guard.Start(guard.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
	registration, err := otelguard.Register(otel.GetMeterProvider(), g)
	if err != nil {
		log.Fatal(err)
	}
	defer registration.Unregister()
}
