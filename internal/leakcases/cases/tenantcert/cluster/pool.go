// Package cluster talks to the clusters of tenants.
package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"k8s.io/client-go/transport"
)

// Config is a tenant's kubeconfig. Its certificate is rotated.
type Config struct {
	Server        string
	CA, Cert, Key []byte
}

// Source fetches configurations.
type Source struct {
	URL  string
	HTTP *http.Client
}

// Fetch returns the tenant's newest configuration.
func (s *Source) Fetch(ctx context.Context, tenant string) (*Config, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/kubeconfig/"+tenant, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var c Config
	return &c, json.NewDecoder(resp.Body).Decode(&c)
}

// Manager reconciles tenants.
type Manager struct {
	source *Source
	mu     sync.Mutex
	client map[string]*http.Client // by tenant
}

// NewManager returns a manager.
func NewManager(s *Source) *Manager { return &Manager{source: s, client: map[string]*http.Client{}} }

// Reconcile prepares the tenant's client.
func (m *Manager) Reconcile(ctx context.Context, tenant string) error {
	c, err := m.source.Fetch(ctx, tenant)
	if err != nil {
		return fmt.Errorf("kubeconfig of %s: %w", tenant, err)
	}
	client, err := clientFor(c)
	if err != nil {
		return fmt.Errorf("client of %s: %w", tenant, err)
	}
	m.mu.Lock()
	m.client[tenant] = client
	m.mu.Unlock()
	return nil
}

func clientFor(c *Config) (*http.Client, error) {
	rt, err := transport.New(&transport.Config{
		UserAgent: "lifecycle-manager",
		TLS:       transport.TLSConfig{CAData: c.CA, CertData: c.Cert, KeyData: c.Key, ServerName: "kube-apiserver"},
	})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: rt}, nil
}
