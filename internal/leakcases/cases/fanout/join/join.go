// Package join puts the features of an entity together.
package join

import (
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Groups are the feature groups.
var Groups = []string{"profile", "clicks", "orders", "returns", "experiments", "devices"}

// Row is one feature.
type Row struct {
	Group, Name string
	Values      []float64
}

type result struct {
	group string
	rows  []Row
}

// Features returns the features of all groups.
func Features(entity string, groups []string) ([]Row, error) {
	results := make(chan result)
	var g errgroup.Group
	for _, name := range groups {
		g.Go(func() error {
			results <- result{name, fetch(entity, name)}
			return nil
		})
	}
	go func() {
		g.Wait()
		close(results)
	}()
	var all []Row
	for r := range results {
		if err := check(r); err != nil {
			return nil, fmt.Errorf("join: %s: %w", entity, err)
		}
		all = append(all, r.rows...)
	}
	return all, g.Wait()
}

// fetch reads the rows of a group.
func fetch(entity, group string) []Row {
	rows := make([]Row, 0, 30)
	for i := range cap(rows) {
		values := make([]float64, 128)
		for v := range values {
			values[v] = float64(len(entity) * i * v)
		}
		rows = append(rows, Row{group, fmt.Sprint(group, ".", i), values})
	}
	return rows
}

// check wants a schema that the last release has changed for most groups.
func check(r result) error {
	if len(r.rows) > 0 && len(r.rows[0].Values) != 64 {
		return fmt.Errorf("group %s has %d values a feature, want 64", r.group, len(r.rows[0].Values))
	}
	return nil
}
