// https://github.com/kubernetes/kubernetes/issues/109289: client-go caches transports
// by certificate and forgets none; with certificates that are rotated (see
// kyma-project/lifecycle-manager#2216) the cache only grows.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"example.com/leakcases/cases/tenantcert/cluster"
	"example.com/leakcases/layers"
	"example.com/leakcases/service"
	"example.com/leakcases/stock"
)

func issue(name string) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"system:masters"}},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{name + ".example.com", name + ".internal.example.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
	if err != nil {
		panic(err)
	}
	b, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: b})
}

// garden issues kubeconfigs, each with a certificate of its own.
func garden() http.Handler {
	var bundle bytes.Buffer
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if bundle.Len() == 0 {
			for i := range 12 {
				cert, _ := issue(fmt.Sprint("ca-", i))
				bundle.Write(cert)
			}
		}
		cert, key := issue(strings.TrimPrefix(r.URL.Path, "/kubeconfig/"))
		json.NewEncoder(w).Encode(cluster.Config{Server: "https://10.0.0.1", CA: bundle.Bytes(), Cert: cert, Key: key})
	})
}

func main() {
	service.Main(service.Case{
		Limit: 160 << 20, Rate: 90, Slow: 5,
		Upstream: garden(),
		Setup: func(mux *http.ServeMux, upstream string) {
			stock.Open(mux, 12, 20*time.Second)
			m := cluster.NewManager(&cluster.Source{URL: upstream, HTTP: http.DefaultClient})
			mux.HandleFunc("POST /reconcile/{tenant}", func(w http.ResponseWriter, r *http.Request) {
				for range 3 {
					if err := m.Reconcile(r.Context(), r.PathValue("tenant")); err != nil {
						http.Error(w, err.Error(), http.StatusBadGateway)
						return
					}
				}
				fmt.Fprintln(w, "ok")
			})
		},
		Wrap: func(next http.Handler) http.Handler {
			return layers.Chain(next, layers.RequestID, layers.Recover, layers.AccessLog)
		},
		Client: func(base string, i int) { service.Do("POST", fmt.Sprintf("%s/reconcile/t%d", base, i%30), nil) },
	})
}
