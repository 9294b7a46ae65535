//go:build linux

package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// cpuPeriod is the period of a CPU quota in microseconds, as container runtimes set it.
const cpuPeriod = 100_000

// throttle gives the group a CPU quota, as a share of one processor. With v1 that takes a
// second group, in the hierarchy of the cpu controller.
func (g *Group) throttle(share float64) error {
	quota := strconv.Itoa(int(share * cpuPeriod))
	if g.V2 {
		if err := g.write("cpu.max", quota+" "+strconv.Itoa(cpuPeriod)); err != nil {
			return fmt.Errorf("harness: set a CPU quota: %w", err)
		}
		return nil
	}
	path, err := os.MkdirTemp("/sys/fs/cgroup/cpu", "leakguard-survival-")
	if err != nil {
		return fmt.Errorf("harness: set a CPU quota: %w", err)
	}
	g.cpu = &Group{Hierarchy: Hierarchy{Parent: filepath.Dir(path)}, Path: path}
	if err := errors.Join(g.cpu.write("cpu.cfs_period_us", strconv.Itoa(cpuPeriod)), g.cpu.write("cpu.cfs_quota_us", quota)); err != nil {
		return fmt.Errorf("harness: set a CPU quota: %w", err)
	}
	return nil
}
