package guardhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/guardhttp"
)

// The page on a port that only operators reach, below a path of its own.
func ExampleHandler() {
	dir, err := os.MkdirTemp("", "evidence")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	g, err := guard.Start(guard.Config{Dir: dir + "/leakguard"})
	if err != nil {
		panic(err)
	}
	defer g.Close()

	mux := http.NewServeMux()
	mux.Handle("/debug/leakguard/", guardhttp.Handler(g, guardhttp.Config{}))
	server := httptest.NewServer(mux) // http.Server{Addr: "127.0.0.1:8081", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()

	res, err := http.Get(server.URL + "/debug/leakguard/api/v1/state")
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	state, err := io.ReadAll(res.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(res.Status, strings.Contains(string(state), `"status":{"level":`))
	// Output: 200 OK true
}
