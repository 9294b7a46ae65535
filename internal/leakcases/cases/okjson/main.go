// https://github.com/golang/go/issues/39779: a service that makes garbage faster
// than memory goes back to the system.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"example.com/leakcases/service"
)

type document struct {
	ID     string
	Fields map[string]any
	Parts  []part
}

type part struct {
	Title, Text string
	Tags        []string
	Weight      float64
}

func example() []byte {
	d := document{ID: "d", Fields: map[string]any{}}
	for i := range 200 {
		d.Fields[fmt.Sprint("field", i)] = map[string]any{"value": i, "unit": "m"}
	}
	for i := range 9000 {
		d.Parts = append(d.Parts, part{fmt.Sprint("part ", i), "lorem ipsum dolor sit amet", []string{"a", "b", "c"}, float64(i)})
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return b
}

// merge decodes a document twice, as a type and as what it is.
func merge(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&raw); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var d document
	var any map[string]any
	if json.Unmarshal(raw, &d) != nil || json.Unmarshal(raw, &any) != nil {
		http.Error(w, "not a document", http.StatusBadRequest)
		return
	}
	for k, v := range any {
		if _, ok := d.Fields[k]; !ok {
			d.Fields[k] = v
		}
	}
	json.NewEncoder(w).Encode(d)
}

func main() {
	doc := example()
	service.Main(service.Case{
		Healthy: true, Rate: 10, Limit: 108 << 20,
		Setup: func(mux *http.ServeMux, _ string) { mux.HandleFunc("POST /merge", merge) },
		Client: func(base string, i int) {
			service.Do("POST", base+"/merge", bytes.NewReader(doc))
		},
	})
}
