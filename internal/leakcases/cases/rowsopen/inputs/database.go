// Package inputs runs the queries that a configuration names.
package inputs

import (
	"database/sql"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// Sample is the first row of a query.
type Sample map[string]any

// Query is a named query.
type Query struct{ Name, Text string }

// Database runs queries.
type Database struct{ db *sql.DB }

// Open connects.
func Open(dsn string) (*Database, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	return &Database{db}, nil
}

// Process runs the queries and collects the sample of each.
func (d *Database) Process(queries []Query) (map[string]Sample, error) {
	all := make(map[string]Sample, len(queries))
	for _, q := range queries {
		s, err := d.runQuery(q)
		if err != nil {
			return all, fmt.Errorf("query %s: %w", q.Name, err)
		}
		all[q.Name] = s
	}
	return all, nil
}

func (d *Database) runQuery(q Query) (Sample, error) {
	rows, err := d.db.Query(q.Text)
	if err != nil {
		return nil, err
	}
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	if !rows.Next() {
		return nil, rows.Err()
	}
	values := make([]any, len(columns))
	pointers := make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	if err := rows.Scan(pointers...); err != nil {
		return nil, err
	}
	return row(columns, values), nil
}

func row(columns []string, values []any) Sample {
	s := make(Sample, len(columns))
	for i, c := range columns {
		if v, ok := values[i].(string); ok && len(v) > 64 {
			s[c] = len(v)
			continue
		}
		s[c] = values[i]
	}
	return s
}
