package oracle

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/leakguard/leakguard/internal/cgroup"
	"github.com/leakguard/leakguard/internal/cgroup/cgrouptest"
	"github.com/leakguard/leakguard/internal/testenv"
)

// childEnv makes the test binary a process that joins the group named there and
// prints both limits.
const childEnv = "LEAKGUARD_TEST_ORACLE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		err := cgrouptest.Join(dir)
		if err == nil {
			err = compare()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// compare prints both limits, ours first. -1 means no limit.
func compare() error {
	m, err := cgroup.Open("/")
	if err != nil {
		return err
	}
	defer m.Close()
	ours, err := m.Limit()
	if err != nil {
		return err
	}
	theirs, err := memlimit.FromCgroup()
	switch {
	case errors.Is(err, memlimit.ErrNoLimit):
		fmt.Print(ours.Bytes, " ", cgrouptest.NoLimit)
	case err != nil:
		return fmt.Errorf("automemlimit: %w", err)
	default:
		fmt.Print(ours.Bytes, " ", theirs)
	}
	return nil
}

// TestAgreement puts a child into nested groups and compares both limits with each
// other and with the one that was set.
func TestAgreement(t *testing.T) {
	testenv.Need(t, runtime.GOOS == "linux", "no control groups")
	const none, mib = cgrouptest.NoLimit, 1 << 20
	for _, tt := range []struct {
		limits []int64
		want   int64 // 0: whatever the groups above the test set, the same for both
	}{
		{[]int64{none}, none},
		{[]int64{none, none, none}, none},
		{[]int64{64 * mib}, 64 * mib},
		{[]int64{64*mib + 4096}, 64*mib + 4096},
		{[]int64{256 * mib, 64 * mib}, 64 * mib},
		{[]int64{64 * mib, 256 * mib}, 64 * mib},
		{[]int64{64 * mib, none}, 64 * mib},
		{[]int64{none, 64 * mib, none, none}, 64 * mib},
		{[]int64{512 * mib, 96 * mib, 128 * mib, 256 * mib}, 96 * mib},
	} {
		t.Run(fmt.Sprint(tt.limits), func(t *testing.T) {
			dirs := cgrouptest.New(t, tt.limits...)
			exe, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), exe)
			// Under the race detector a process sleeps for a second before it exits.
			cmd.Env = append(os.Environ(), childEnv+"="+dirs[len(dirs)-1], "GORACE=atexit_sleep_ms=0")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.Bytes())
			}
			var ours, theirs int64
			if _, err := fmt.Sscan(string(out), &ours, &theirs); err != nil {
				t.Fatalf("%q: %v", out, err)
			}
			if ours != theirs {
				t.Errorf("limit %d, automemlimit says %d", ours, theirs)
			}
			if tt.want != none && ours != tt.want {
				t.Errorf("limit %d, %d was set", ours, tt.want)
			}
		})
	}
}
