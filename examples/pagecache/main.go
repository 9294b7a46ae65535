// Pagecache is the story of a container whose memory explodes while its heap is
// tiny: a job writes a file several times the size of the limit. It shows that
// nothing leaks, and how to see that.
//
//	sudo go run ./examples/pagecache
//
// In its own memory control group of 128 MiB it writes 640 MiB to a file, syncs it,
// reads some of it twice and removes it, under a guard with the zero configuration.
// Once per second it prints what dashboards show (usage, working set), the
// process's own memory, and the guard's verdict. It takes about 10 s. If no control
// group can be created, for example without root or on a Mac, it replays a
// recording instead.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"

	"github.com/leakguard/leakguard/internal/cgroup/newgroup"
)

const (
	limit    = 128 << 20
	fileSize = 5 * limit
	// groupVariable names the group that the child must join.
	groupVariable = "PAGECACHE_GROUP"
)

//go:embed testdata/recording.json
var recording []byte

func main() {
	dir := flag.String("dir", "", "`folder` on a disk for the file; empty: the temporary folder or, if that is in memory, the current one")
	replay := flag.Bool("replay", false, "replay the recording")
	record := flag.String("record", "", "write a recording to this `file`")
	flag.Parse()
	if err := run(*dir, *replay, *record); err != nil {
		fmt.Fprintln(os.Stderr, "pagecache:", err)
		os.Exit(1)
	}
}

func run(dir string, replay bool, record string) error {
	if group := os.Getenv(groupVariable); group != "" {
		if err := newgroup.Join(group); err != nil {
			return fmt.Errorf("join the control group: %w", err)
		}
		return live(dir, record)
	}
	if replay {
		return replayed()
	}
	groups, remove, err := newgroup.Make(limit)
	if errors.Is(err, newgroup.ErrUnable) {
		fmt.Printf("No control group could be created (%v),\nso this is a recording.\n\n", err)
		return replayed()
	}
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return errors.Join(err, remove())
	}
	cmd := exec.Command(exe, os.Args[1:]...)
	cmd.Env = append(os.Environ(), groupVariable+"="+groups[0])
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return errors.Join(cmd.Run(), remove())
}

// replayed prints the recording.
func replayed() error {
	var rows []row
	if err := json.Unmarshal(recording, &rows); err != nil {
		return fmt.Errorf("read the recording: %w", err)
	}
	header()
	for _, r := range rows {
		r.print(rows[0].Reading)
	}
	conclude(rows, 0)
	return nil
}
