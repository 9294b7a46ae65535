package sentryhook_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/getsentry/sentry-go"

	"github.com/leakguard/leakguard/sentryhook"
)

// One line between the options and the client. The proxies, clients and certificates
// of the options stay in use.
func ExampleConfigure() {
	options := sentry.ClientOptions{
		Dsn:        "https://key@sentry.example.com/1",
		HTTPSProxy: "http://proxy.example.com:3128",
	}
	transport, err := sentryhook.Configure(&options, sentryhook.TransportConfig{})
	if err != nil {
		log.Fatal(err)
	}
	if err := sentry.Init(options); err != nil {
		log.Fatal(err)
	}
	fmt.Println(transport.Stats().Requests)
	// Output: 0
}

// For programs that send envelopes without a Sentry client.
func ExampleNewTransport() {
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}))
	defer relay.Close()

	transport, err := sentryhook.NewTransport(nil, sentryhook.TransportConfig{
		WireBytes: 50 << 20, // as the proxy's client_max_body_size
	})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: transport}
	envelope := bytes.NewBufferString("{}\n" + `{"type":"event"}` + "\n" + `{"message":"hello"}`)
	resp, err := client.Post(relay.URL+"/api/1/envelope/", "application/x-sentry-envelope", envelope)
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

func ExampleTransport_Stats() {
	transport, err := sentryhook.NewTransport(nil, sentryhook.TransportConfig{})
	if err != nil {
		log.Fatal(err)
	}
	s := transport.Stats()
	fmt.Printf("%d of %d profiles sent as they were, %d smaller without loss\n", s.Unchanged, s.Profiles, s.Compacted)
	for reason, n := range s.Dropped {
		fmt.Printf("%d left out: %v\n", n, reason)
	}
	// Output: 0 of 0 profiles sent as they were, 0 smaller without loss
}

// A transport can be used as any http.RoundTripper.
func ExampleTransport_RoundTrip() {
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
	}))
	defer relay.Close()
	transport, err := sentryhook.NewTransport(http.DefaultTransport, sentryhook.TransportConfig{})
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, relay.URL+"/api/1/envelope/", bytes.NewReader([]byte("{}\n")))
	if err != nil {
		log.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println(response.StatusCode, transport.Stats().Envelopes)
	// Output: 200 1
}
