// Package symbols writes the symbols of a repository to a database.
package symbols

import (
	"database/sql"
	"errors"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// ErrParse says that a file's symbols could not be parsed.
var ErrParse = errors.New("symbols: cannot parse")

// Symbol is a name in a file.
type Symbol struct {
	Name, Kind string
	Line       int
}

// Parser finds the symbols of a file.
type Parser func(path string) ([]Symbol, error)

// Writer writes symbols.
type Writer struct {
	db    *sql.DB
	parse Parser
}

// NewWriter returns a writer into the database at dsn.
func NewWriter(dsn string, parse Parser) (*Writer, error) {
	db, err := sql.Open("pgx", dsn)
	return &Writer{db, parse}, err
}

// Index writes the symbols of the files, in one transaction for each file.
func (w *Writer) Index(paths ...string) (written int, err error) {
	for _, p := range paths {
		n, e := w.indexFile(p)
		written += n
		err = errors.Join(err, e)
	}
	return written, err
}

func (w *Writer) indexFile(path string) (n int, err error) {
	tx, err := w.db.Begin()
	if err != nil {
		return 0, err
	}
	var commit string
	if err := tx.QueryRow("SELECT commit FROM meta").Scan(&commit); err != nil {
		return 0, fmt.Errorf("meta: %w", err)
	}
	found, err := w.parse(path)
	if err != nil {
		return 0, fmt.Errorf("%s at %.8s: %w", path, commit, err) // tx is left as it is
	}
	for _, s := range found {
		if _, err := tx.Exec(fmt.Sprintf("INSERT INTO symbol VALUES ('%s', '%s', %d)", s.Name, s.Kind, s.Line)); err != nil {
			return n, errors.Join(err, tx.Rollback())
		}
		n++
	}
	return n, tx.Commit()
}
