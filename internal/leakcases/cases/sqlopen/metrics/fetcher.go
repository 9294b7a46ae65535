// Package metrics reads the metrics of databases.
package metrics

import (
	"context"
	"database/sql"
	"fmt"

	_ "github.com/glebarez/go-sqlite"
)

// Fetcher reads from one database.
type Fetcher struct{ dsn string }

// NewFetcher returns a fetcher of the database at dsn.
func NewFetcher(dsn string) *Fetcher { return &Fetcher{dsn} }

// Create makes the tables.
func (f *Fetcher) Create(rows int) error {
	db, err := sql.Open("sqlite", f.dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE metric (name TEXT, value REAL)"); err != nil {
		return err
	}
	for i := range rows {
		if _, err := db.Exec("INSERT INTO metric VALUES (?, ?)", fmt.Sprint("metric_", i), i); err != nil {
			return err
		}
	}
	return nil
}

// scan runs q and gives each row to add.
func (f *Fetcher) scan(ctx context.Context, q string, add func(*sql.Rows) error) error {
	db, err := sql.Open("sqlite", f.dsn)
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, q)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := add(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Metrics returns all metrics.
func (f *Fetcher) Metrics(ctx context.Context) (map[string]float64, error) {
	all := map[string]float64{}
	err := f.scan(ctx, "SELECT name, value FROM metric", func(rows *sql.Rows) error {
		var name string
		var value float64
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		all[name] = value
		return nil
	})
	return all, err
}

// Tables returns the tables' names.
func (f *Fetcher) Tables(ctx context.Context) (names []string, err error) {
	err = f.scan(ctx, "SELECT name FROM sqlite_master", func(rows *sql.Rows) error {
		var name string
		defer func() { names = append(names, name) }()
		return rows.Scan(&name)
	})
	return names, err
}
