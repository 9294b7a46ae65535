// Package repository keeps orders in a database.
package repository

import (
	"fmt"
	"strings"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Order is a row.
type Order struct {
	ID    uint
	Batch string `gorm:"index"`
	Total int
}

// Orders is the repository.
type Orders struct{ db *gorm.DB }

// Open opens the database.
func Open() (*Orders, error) {
	db, err := gorm.Open(sqlite.Open("file::memory:?cache=shared"), &gorm.Config{PrepareStmt: true, Logger: logger.Discard})
	if err != nil {
		return nil, fmt.Errorf("repository: %w", err)
	}
	pool, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("repository: %w", err)
	}
	pool.SetMaxOpenConns(1)
	if err := db.AutoMigrate(&Order{}); err != nil {
		return nil, fmt.Errorf("repository: %w", err)
	}
	return &Orders{db}, nil
}

// Touch updates the orders of a batch.
func (o *Orders) Touch(batch string) (int64, error) {
	var touched int64
	for part := range 10 {
		n, err := o.setTotals(batch, part)
		if err != nil {
			return touched, fmt.Errorf("repository: batch %s: %w", batch, err)
		}
		touched += n
	}
	return touched, nil
}

// setTotals writes the totals of many orders in one statement.
func (o *Orders) setTotals(batch string, part int) (int64, error) {
	var sql strings.Builder
	sql.WriteString("UPDATE orders SET total = CASE id")
	for id := range 180 {
		fmt.Fprintf(&sql, " WHEN %d THEN %d", part*180+id, id*part)
	}
	fmt.Fprintf(&sql, " END WHERE batch = '%s'", batch)
	res := o.db.Exec(sql.String())
	return res.RowsAffected, res.Error
}
