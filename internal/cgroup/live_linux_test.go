package cgroup_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/leakguard/leakguard/guard/guardtest"
	"github.com/leakguard/leakguard/internal/cgroup"
	"github.com/leakguard/leakguard/internal/cgroup/cgrouptest"
)

// childEnv makes the test binary a process to put into groups. Its value is a JSON
// list of a command and its arguments.
const childEnv = "LEAKGUARD_TEST_CGROUP_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		var args []string
		err := json.Unmarshal([]byte(job), &args)
		if err == nil {
			err = children[args[0]](args[1:])
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	guardtest.Main(m)
}

// children are the commands of a child process. Each prints its result for its
// test.
var children = map[string]func(args []string) error{
	"read": readChild, "move": moveChild, "exceed": exceedChild, "kills": killsChild,
}

func run(t *testing.T, args ...string) (stdout []byte, err error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	// Under the race detector a process sleeps for a second before it exits.
	cmd.Env = append(os.Environ(), childEnv+"="+string(job), "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("child: %w: %s", err, errs.Bytes())
	}
	return out.Bytes(), nil
}

// report is what a child measured.
type report struct {
	Dir            string
	Limit, Resized cgroup.Limit
	Before, After  cgroup.Stat
}

const touched = 16 << 20

// readChild joins a group, reads it, touches memory and reads it again. It then
// halves the group's limit and reads that.
func readChild(args []string) error {
	if err := cgrouptest.Join(args[0]); err != nil {
		return err
	}
	m, err := cgroup.Open("/")
	if err != nil {
		return err
	}
	defer m.Close()
	var r report
	r.Dir = m.Dir()
	if r.Limit, err = m.Limit(); err != nil {
		return err
	}
	if err := m.Read(&r.Before); err != nil {
		return err
	}
	mem, err := touch(touched)
	if err != nil {
		return err
	}
	if err := m.Read(&r.After); err != nil {
		return err
	}
	if err := syscall.Munmap(mem); err != nil {
		return err
	}
	half := fmt.Sprint(r.Limit.Bytes / 2)
	if err := os.WriteFile(filepath.Join(r.Limit.Path, r.Limit.File), []byte(half), 0); err != nil {
		return err
	}
	if r.Resized, err = m.Limit(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// touch makes memory resident that the Go runtime does not manage.
func touch(n int) ([]byte, error) {
	mem, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	for i := 0; i < len(mem); i += 4096 {
		mem[i] = 1
	}
	return mem, err
}

func TestLiveRead(t *testing.T) {
	const limit = 128 << 20
	for _, tt := range []struct {
		name   string
		limits []int64
		setBy  int // index of the group whose limit applies
	}{
		{"own limit", []int64{limit}, 0},
		{"limit of the group above", []int64{limit, cgrouptest.NoLimit}, 0},
		{"smaller limit above", []int64{limit, 4 * limit}, 0},
		{"smaller limit of its own", []int64{4 * limit, 2 * limit, limit}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dirs := cgrouptest.New(t, tt.limits...)
			out, err := run(t, "read", dirs[len(dirs)-1])
			if err != nil {
				t.Fatal(err)
			}
			var r report
			if err := json.Unmarshal(out, &r); err != nil {
				t.Fatal(err)
			}
			if r.Dir != dirs[len(dirs)-1] {
				t.Errorf("Dir %s, want %s", r.Dir, dirs[len(dirs)-1])
			}
			if r.Limit.Bytes != limit || r.Limit.Path != dirs[tt.setBy] {
				t.Errorf("limit %+v, want %d by %s", r.Limit, limit, dirs[tt.setBy])
			}
			if r.Resized.Bytes != limit/2 || r.Resized.Path != dirs[tt.setBy] {
				t.Errorf("limit after it was halved: %+v", r.Resized)
			}
			// The kernel charges in batches and sums up memory.stat only from time to
			// time.
			const slack = 4 << 20
			for what, grown := range map[string]int64{
				"usage": r.After.Usage - r.Before.Usage, "anon": r.After.Anon - r.Before.Anon,
				"working set": r.After.WorkingSet() - r.Before.WorkingSet(), "unreclaimable": r.After.Unreclaimable() - r.Before.Unreclaimable(),
			} {
				if grown < touched-slack || grown > touched+slack {
					t.Errorf("%s grew by %d after %d bytes were touched", what, grown, touched)
				}
			}
		})
	}
}

// moveChild opens one group, moves to another and reopens.
func moveChild(args []string) error {
	if err := cgrouptest.Join(args[0]); err != nil {
		return err
	}
	m, err := cgroup.Open("/")
	if err != nil {
		return err
	}
	defer m.Close()
	before := m.Dir()
	if err := cgrouptest.Join(args[1]); err != nil {
		return err
	}
	// The first group is empty and can be removed. Its open files then fail.
	if err := os.Remove(args[0]); err != nil {
		return err
	}
	s := cgroup.Stat{Usage: 1, Anon: 1}
	errRead := m.Read(&s)
	if !errors.Is(errRead, syscall.ENODEV) || s.Usage != cgroup.Unknown || s.Anon != cgroup.Unknown || s.WorkingSet() != cgroup.Unknown {
		return fmt.Errorf("read of a group that was removed: %+v, %w", s, errRead)
	}
	if _, err := m.Limit(); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("limit of a group that was removed: %w", err)
	}
	if err := m.Reopen(); err != nil {
		return err
	}
	if err := m.Read(&s); err != nil || s.Usage <= 0 {
		return fmt.Errorf("read after Reopen: %+v, %w", s, err)
	}
	fmt.Print(before, "\n", m.Dir())
	return nil
}

func TestLiveMoved(t *testing.T) {
	from, to := cgrouptest.New(t, 128<<20)[0], cgrouptest.New(t, 128<<20)[0]
	out, err := run(t, "move", from, to)
	if err != nil {
		t.Fatal(err)
	}
	if want := from + "\n" + to; string(out) != want {
		t.Errorf("read %q, want %q", out, want)
	}
}

// exceedChild joins a group and touches more memory than the limit.
func exceedChild(args []string) error {
	if err := cgrouptest.Join(args[0]); err != nil {
		return err
	}
	_, err := touch(256 << 20)
	return fmt.Errorf("survived beyond the limit (%v)", err)
}

func TestLiveOOMKills(t *testing.T) {
	dir := cgrouptest.New(t, 32<<20)[0]
	_, err := run(t, "exceed", dir)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatal("not killed:", err)
	}
	out, err := run(t, "kills", dir)
	if err != nil || string(out) != "1" {
		t.Errorf("%s kills, %v; want 1", out, err)
	}
}

func killsChild(args []string) error {
	if err := cgrouptest.Join(args[0]); err != nil {
		return err
	}
	m, err := cgroup.Open("/")
	if err != nil {
		return err
	}
	defer m.Close()
	kills, err := m.OOMKills()
	fmt.Print(kills)
	return err
}
