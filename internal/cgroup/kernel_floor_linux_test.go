package cgroup

import "testing"

// Kernel memory that comes and goes can be reclaimed; what stays at the start, and what
// reclaims leave again and again, cannot.
func TestKernelFloor(t *testing.T) {
	const mib = 1 << 20
	// What a group of 64 MiB showed, with a reading every 0.1 s.
	saw := []int64{0, 14, 29, 44, 58, 19, 12, 28, 43, 58, 19, 10, 26, 42, 53, 36, 6, 21, 37, 52, 36, 5, 20, 35, 51, 36, 5, 23, 40, 54, 30, 2, 16}
	t.Run("dentries", func(t *testing.T) {
		var f KernelFloor
		fails := int64(0)
		for i := range 100_000 { // nearly three hours
			kernel := (saw[i%len(saw)] + 3) * mib
			counted := int64(Unknown)
			if i%10 == 0 && kernel > 50*mib { // once a second at most, near the limit
				fails++
				counted = fails
			}
			if stays := kernel - f.step(kernel, counted); stays > 8*mib {
				t.Fatalf("reading %d: %d MiB of %d stay", i, stays/mib, kernel/mib)
			}
		}
	})
	t.Run("what is there at the start", func(t *testing.T) {
		var f KernelFloor
		for _, row := range [][2]int64{{4, 4}, {20, 4}, {3, 3}, {30, 3}, {4, 3}} {
			if stays := row[0]*mib - f.step(row[0]*mib, Unknown); stays != row[1]*mib {
				t.Errorf("%d MiB: %d stay, want %d", row[0], stays/mib, row[1])
			}
		}
		f = KernelFloor{}
		if stays := 50*mib - f.step(50*mib, Unknown); stays != mostKernelAtStart {
			t.Errorf("of 50 MiB at the start, which may be dentries, %d stay", stays/mib)
		}
	})
	t.Run("reclaims leave it", func(t *testing.T) {
		// Pipes, beside page cache that meets the limit every second.
		var f KernelFloor
		f.step(2*mib, 0)
		last := int64(2 * mib)
		for i := range 100 {
			stays := 30*mib - f.step(30*mib, int64(i+1))
			if stays-last > 2*mib {
				t.Errorf("second %d: the estimate jumps from %d to %d MiB", i, last/mib, stays/mib)
			}
			last = stays
		}
		if last < 29*mib {
			t.Errorf("of 30 MiB that reclaims leave, %d MiB stay", last/mib)
		}
		// They are closed.
		if stays := 4*mib - f.step(4*mib, Unknown); stays != 4*mib {
			t.Errorf("%d of 4 MiB stay", stays/mib)
		}
	})
	t.Run("the limit is not met", func(t *testing.T) {
		var f KernelFloor
		f.step(2*mib, 7)
		for range 100 {
			if stays := 60*mib - f.step(60*mib, 7); stays != 2*mib {
				t.Fatalf("%d MiB stay", stays/mib)
			}
		}
	})
}
