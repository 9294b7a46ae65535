package incident

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

// cgroupReading is a service of 60 MiB in a cgroup of 512 MiB, with 40 MiB of
// page cache and no tmpfs.
func cgroupReading(t time.Time) Reading {
	r := NewReading(t)
	r.NumGC = 7
	r.HeapAlloc, r.HeapLive, r.HeapInuse, r.HeapIdle = 28*mib, 20*mib, 30*mib, 10*mib
	r.HeapReleased, r.HeapSys, r.StackInuse, r.Sys = 4*mib, 40*mib, 2*mib, 48*mib
	r.RSS, r.RSSAnon, r.RSSShmem = 60*mib, 50*mib, 0
	r.CgroupUsage, r.CgroupAnon, r.CgroupFile, r.CgroupShmem = 101*mib, 55*mib, 40*mib, 0
	r.CgroupInactiveFile, r.CgroupActiveFile, r.CgroupUnevictable = 30*mib, 10*mib, 0
	r.CgroupDirty, r.CgroupWriteback = 2*mib, 1*mib
	r.CgroupKernel, r.CgroupSlab, r.CgroupSock = 4*mib, 3*mib, mib
	r.CgroupWorkingSet, r.Unreclaimable = r.CgroupUsage-r.CgroupInactiveFile, r.CgroupUsage-40*mib
	r.Limit, r.CgroupLimit = 512*mib, 512*mib
	return r
}

// check fails unless all parts are at least 0 and add up to the total.
func check(t *testing.T, d Division) {
	t.Helper()
	sum, reclaimable := profile.Bytes(0), profile.Bytes(0)
	for _, p := range d.Parts() {
		if p.Bytes < 0 {
			t.Errorf("%s is %d", p.Name, int64(p.Bytes))
		}
		sum += p.Bytes
		if p.Reclaimable {
			reclaimable += p.Bytes
		}
	}
	if d.Total.Known() && (sum != d.Total || reclaimable != d.FileCache+d.Dirty+d.KernelCache) {
		t.Errorf("parts add up to %d, want %d: %+v", int64(sum), int64(d.Total), d)
	}
}

func TestDivision(t *testing.T) {
	whole := Division{
		Total: 101 * mib, Cgroup: true,
		GoLive: 20 * mib, GoGarbage: 16 * mib, GoStacks: 2 * mib, GoRuntime: 6 * mib,
		NonGo: 6 * mib, OtherProcesses: 5 * mib, Kernel: 5 * mib, Dirty: 3 * mib, FileCache: 37 * mib, Unattributed: mib,
	}
	for name, test := range map[string]struct {
		change func(r *Reading)
		want   func(d *Division)
	}{
		"a service": {func(*Reading) {}, func(*Division) {}},
		"tmpfs": {
			func(r *Reading) { r.CgroupShmem, r.CgroupFile, r.CgroupUsage = 200*mib, 240*mib, 301*mib },
			func(d *Division) { d.Total, d.Shmem = 301*mib, 200*mib },
		},
		// Locked pages of files count only in file and unevictable.
		"a locked file": {
			func(r *Reading) { r.CgroupUnevictable, r.CgroupFile, r.CgroupUsage = 100*mib, 140*mib, 201*mib },
			func(d *Division) { d.Total, d.Locked = 201*mib, 100*mib },
		},
		// Locked tmpfs counts in shmem and unevictable, locked heap in anon and
		// unevictable.
		"locked tmpfs and heap": {
			func(r *Reading) {
				r.CgroupUnevictable, r.CgroupShmem, r.CgroupFile, r.CgroupUsage = 120*mib, 100*mib, 140*mib, 201*mib
			},
			func(d *Division) { d.Total, d.Shmem = 201*mib, 100*mib },
		},
		// A slice that was never written to: 40 of the 90 MiB that Go took are
		// not resident.
		"untouched heap": {
			func(r *Reading) { r.HeapLive, r.HeapAlloc, r.HeapSys, r.Sys = 66*mib, 70*mib, 86*mib, 94*mib },
			func(d *Division) {
				d.NonGo = 0
				d.GoLive, d.GoGarbage, d.GoStacks = 66*mib*5/9, 16*mib*5/9, 2*mib*5/9
				d.GoRuntime = 50*mib - d.GoLive - d.GoGarbage - d.GoStacks
			},
		},
		"before the first collection": {
			func(r *Reading) { r.NumGC, r.HeapLive = 0, 0 },
			func(d *Division) { d.GoLive, d.GoGarbage = 28*mib, 8*mib },
		},
		"all of it dirty, and more": {
			func(r *Reading) { r.CgroupDirty, r.CgroupWriteback = 39*mib, 39*mib },
			func(d *Division) { d.Dirty, d.FileCache = 40*mib, 0 },
		},
		"rows beyond the usage": {
			func(r *Reading) { r.CgroupUsage = 90 * mib },
			func(d *Division) { d.Total, d.FileCache, d.Unattributed = 90*mib, 27*mib, 0 },
		},
		"no memory.stat": {
			func(r *Reading) {
				r.CgroupAnon, r.CgroupFile, r.CgroupShmem, r.CgroupInactiveFile, r.CgroupActiveFile = profile.Unknown, profile.Unknown, profile.Unknown, profile.Unknown, profile.Unknown
				r.CgroupDirty, r.CgroupWriteback, r.CgroupUnevictable, r.CgroupKernel, r.CgroupSock = profile.Unknown, profile.Unknown, profile.Unknown, profile.Unknown, profile.Unknown
			},
			func(d *Division) {
				d.OtherProcesses, d.Kernel, d.Dirty, d.FileCache, d.Unattributed = 0, 0, 0, 0, 51*mib
			},
		},
		"dentries": {
			func(r *Reading) { r.CgroupKernelReclaimable = 3 * mib },
			func(d *Division) { d.Kernel, d.KernelCache = d.Kernel-3*mib, 3*mib },
		},
		"more dentries than kernel memory": {
			func(r *Reading) { r.CgroupKernelReclaimable = 400 * mib },
			func(d *Division) { d.Kernel, d.KernelCache = mib, 4*mib },
		},
		"no /proc": {
			func(r *Reading) { r.RSS, r.RSSAnon, r.RSSShmem = profile.Unknown, profile.Unknown, profile.Unknown },
			func(d *Division) { d.NonGo, d.OtherProcesses, d.Unattributed = 0, 0, 12*mib },
		},
		"no limit: the process": {
			func(r *Reading) { r.CgroupLimit, r.RSSShmem = profile.Unknown, 3*mib },
			func(d *Division) {
				*d = Division{Total: 60 * mib, GoLive: d.GoLive, GoGarbage: d.GoGarbage, GoStacks: d.GoStacks, GoRuntime: d.GoRuntime, NonGo: d.NonGo, Shmem: 3 * mib, FileCache: 7 * mib}
			},
		},
		"no limit, shared memory unknown": {
			func(r *Reading) { r.CgroupLimit, r.RSSShmem = profile.Unknown, profile.Unknown },
			func(d *Division) {
				*d = Division{Total: 60 * mib, GoLive: d.GoLive, GoGarbage: d.GoGarbage, GoStacks: d.GoStacks, GoRuntime: d.GoRuntime, NonGo: d.NonGo, Unattributed: 10 * mib}
			},
		},
		"the runtime alone": {
			func(r *Reading) { r.CgroupLimit, r.RSS, r.RSSAnon = profile.Unknown, profile.Unknown, profile.Unknown },
			func(d *Division) {
				*d = Division{Total: 44 * mib, GoLive: d.GoLive, GoGarbage: d.GoGarbage, GoStacks: d.GoStacks, GoRuntime: d.GoRuntime}
			},
		},
		"nothing": {
			func(r *Reading) { *r = NewReading(noon) },
			func(d *Division) { *d = Division{Total: profile.Unknown} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, want := cgroupReading(noon), whole
			test.change(&r)
			test.want(&want)
			got := r.Division()
			check(t, got)
			// Shares are rounded to the byte.
			if test := got; name == "untouched heap" {
				if d := test.GoLive - want.GoLive; d < -2 || d > 2 {
					t.Errorf("live %d, want %d", int64(test.GoLive), int64(want.GoLive))
				}
				got.GoLive, got.GoGarbage, got.GoStacks, got.GoRuntime = want.GoLive, want.GoGarbage, want.GoStacks, want.GoRuntime
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// Even if the sources contradict each other, no part is negative and all add
// up.
func TestDivisionOfNonsense(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		r := NewReading(noon)
		v := reflect.ValueOf(&r).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.CanInt() && random.IntN(5) > 0 {
				f.SetInt(random.Int64N(1 << random.IntN(50)))
			}
		}
		check(t, r.Division())
		if c := r.VerdictClass(&r); c < 0 || c >= verdicts || r.Verdict(&r).Text == "" {
			t.Fatalf("class %v of %+v", c, r)
		}
		if t.Failed() {
			t.Fatalf("of %+v", r)
		}
	}
}

func TestDivisionAllocatesNothing(t *testing.T) {
	r := cgroupReading(noon)
	class := VerdictUnknown
	if n := testing.AllocsPerRun(100, func() { class = r.VerdictClass(&r) }); n != 0 || class != VerdictCalm {
		t.Errorf("%v allocations, %v", n, class)
	}
}

func BenchmarkDivision(b *testing.B) {
	r := cgroupReading(noon)
	b.ReportAllocs()
	for b.Loop() {
		r.VerdictClass(&r)
	}
}
