// Package messagestore keeps messages until their receivers fetch them.
package messagestore

import (
	"context"
	"database/sql"
	"strings"

	_ "github.com/glebarez/go-sqlite"
)

// Message is a message.
type Message struct {
	ID, Receiver string
	Body         []byte
}

// Store is the table of messages.
type Store struct{ db *sql.DB }

// Open opens the store in memory.
func Open() (*Store, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE message (id TEXT PRIMARY KEY, receiver TEXT, body BLOB)")
	return &Store{db}, err
}

// Save writes one message.
func (s *Store) Save(ctx context.Context, m Message) error {
	_, err := s.db.ExecContext(ctx, "INSERT OR REPLACE INTO message VALUES (?, ?, ?)", m.ID, m.Receiver, m.Body)
	return err
}

// ForProcessing returns the messages among ids that still have to be processed.
func (s *Store) ForProcessing(ctx context.Context, ids []string) ([]Message, error) {
	stmt, err := s.db.PrepareContext(ctx, "SELECT id, receiver, body FROM message WHERE id IN ("+list(ids)+") ORDER BY id LIMIT 50")
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Message
	for rows.Next() {
		var m Message
		if err := rows.Scan(&m.ID, &m.Receiver, &m.Body); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

func list(ids []string) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("'" + strings.ReplaceAll(id, "'", "''") + "'")
	}
	return b.String()
}
