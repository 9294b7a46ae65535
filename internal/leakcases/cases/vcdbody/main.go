// https://github.com/vmware/go-vcloud-director/issues/803: the response's body
// is never closed on the error path, which returns no response to the caller.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/vcdbody/vcd"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

// reconciler brings organisations to the state that is wanted.
type reconciler struct{ client *vcd.Client }

func (r *reconciler) reconcile(w http.ResponseWriter, req *http.Request) {
	for i := range 8 {
		_, err := r.client.AdminOrgByName(fmt.Sprintf("%s-%d", req.PathValue("org"), i))
		var api *vcd.APIError
		if errors.As(err, &api) && api.Code == http.StatusNotFound {
			continue // it will be created on the next round
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	fmt.Fprintln(w, "reconciled")
}

func orgs(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "-0") {
		w.WriteHeader(http.StatusNotFound)
		json.NewEncoder(w).Encode(map[string]any{
			"message": "no access to entity " + r.URL.Path, "stackTrace": strings.Repeat("com.vmware.vcloud.Backend\n", 400)})
		return
	}
	json.NewEncoder(w).Encode(vcd.Org{Name: r.URL.Path, VDCs: []string{"a", "b"}})
}

func main() {
	service.Main(service.Case{
		Limit: 168 << 20, Rate: 40, Slow: 2,
		Upstream: http.HandlerFunc(orgs),
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 20*time.Second)
			rec := &reconciler{vcd.New(upstream)}
			mux.HandleFunc("POST /reconcile/{org}", rec.reconcile)
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.Recover, layers.RequestID, layers.AccessLog)
		},
		Client: func(base string, i int) {
			service.Do("POST", fmt.Sprintf("%s/reconcile/org%d", base, i), nil)
			service.Get(fmt.Sprintf("%s/product/%d", base, i))
		},
	})
}
