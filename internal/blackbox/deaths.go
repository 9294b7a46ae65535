package blackbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/leakguard/leakguard/internal/bounded"
	"github.com/leakguard/leakguard/internal/filelock"
)

const (
	deathsName = "deaths"
	// mostDeaths and mostDeathBytes bound the log of deaths.
	mostDeaths     = 1024
	mostDeathBytes = 512 << 10
)

// Death is a line of the log of deaths. Deaths are counted by this log because
// their reports are not kept as long.
type Death struct {
	ID      string    `json:"id"` // of the box
	Time    time.Time `json:"time"`
	Cause   string    `json:"cause"`
	Service string    `json:"service"`
}

// Log adds a death to the log in a folder, unless the log has it already, and
// returns all deaths, oldest first. Lines that cannot be read are dropped. On an
// error Log returns what it could read and the new death.
func Log(dir string, d Death) (all []Death, err error) {
	all = []Death{d}
	defer func() {
		if err != nil {
			err = fmt.Errorf("blackbox: log a death in %s: %w", dir, err)
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return all, err
	}
	defer root.Close()
	if fi, err := root.Lstat(deathsName); err == nil && !fi.Mode().IsRegular() {
		return all, errors.New("not a regular file: remove it")
	}
	f, err := root.OpenFile(deathsName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return all, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	locked := false
	for try := 0; try < 10*busyTries && !locked; try++ {
		taken, lockErr := filelock.Try(f)
		if locked = taken || lockErr != nil; !locked {
			time.Sleep(time.Millisecond)
		}
	}
	if !locked {
		return all, errors.New("another process holds its lock")
	}
	data, err := io.ReadAll(io.LimitReader(f, mostDeathBytes))
	if err != nil {
		return all, err
	}
	all = parseDeaths(data)
	if !slices.ContainsFunc(all, func(o Death) bool { return o.ID == d.ID }) {
		all = append(all, d)
	}
	slices.SortStableFunc(all, func(a, b Death) int { return a.Time.Compare(b.Time) })
	all = all[max(0, len(all)-mostDeaths):]
	var text bytes.Buffer
	for _, d := range all {
		line, err := json.Marshal(d)
		if err != nil {
			return all, err
		}
		text.Write(append(line, '\n'))
	}
	// Write in place: the lock belongs to this file. A process killed halfway leaves
	// truncated lines, which are dropped.
	if _, err := f.WriteAt(text.Bytes(), 0); err != nil {
		return all, err
	}
	return all, f.Truncate(int64(text.Len()))
}

// parseDeaths parses the log. Of a log that somebody else wrote it keeps the last deaths,
// and cuts their texts.
func parseDeaths(data []byte) (all []Death) {
	for line := range bytes.Lines(data) {
		var d Death
		if json.Unmarshal(line, &d) != nil || d.ID == "" || d.Time.IsZero() {
			continue
		}
		d.ID, d.Cause, d.Service = bounded.Text(d.ID), bounded.Text(d.Cause), bounded.Text(d.Service)
		if len(all) == 2*mostDeaths {
			all = append(all[:0], all[mostDeaths:]...)
		}
		all = append(all, d)
	}
	return all[max(0, len(all)-mostDeaths):]
}
