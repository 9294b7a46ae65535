package otelguard_test

import (
	"log"

	"go.opentelemetry.io/otel"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/otelguard"
)

// Export the guard's state beside the service's other metrics.
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
