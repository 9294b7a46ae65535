package incident

import (
	"strings"
	"testing"
	"time"

	"github.com/leakguard/leakguard/profile"
)

func TestVerdict(t *testing.T) {
	add := func(field func(r *Reading) *profile.Bytes, n profile.Bytes) func(r *Reading) {
		return func(r *Reading) { *field(r) += n; r.CgroupUsage += n }
	}
	both := func(fs ...func(r *Reading)) func(r *Reading) {
		return func(r *Reading) {
			for _, f := range fs {
				f(r)
			}
		}
	}
	cache := func(n profile.Bytes) func(*Reading) { // clean
		return both(add(func(r *Reading) *profile.Bytes { return &r.CgroupInactiveFile }, n), func(r *Reading) { r.CgroupFile += n })
	}
	dirty := func(n profile.Bytes) func(*Reading) {
		return both(cache(n), func(r *Reading) { r.CgroupDirty += n })
	}
	dentries := func(n profile.Bytes, v2 bool) func(*Reading) {
		return both(add(func(r *Reading) *profile.Bytes { return &r.CgroupKernel }, n), func(r *Reading) {
			r.CgroupKernelReclaimable = max(r.CgroupKernelReclaimable, 0) + n
			if !v2 {
				r.CgroupSlab = profile.Unknown
			}
		})
	}
	tmpfs := add(func(r *Reading) *profile.Bytes { return &r.CgroupShmem }, 240*mib)
	locked := both(add(func(r *Reading) *profile.Bytes { return &r.CgroupUnevictable }, 140*mib), func(r *Reading) { r.CgroupFile += 140 * mib })
	anon := add(func(r *Reading) *profile.Bytes { return &r.CgroupAnon }, 0)
	own := func(n profile.Bytes) func(*Reading) {
		return both(add(func(r *Reading) *profile.Bytes { return &r.CgroupAnon }, n), func(r *Reading) { r.RSSAnon += n; r.RSS += n })
	}
	heap := func(live, garbage profile.Bytes) func(*Reading) {
		return both(own(live+garbage), func(r *Reading) {
			r.HeapLive += live
			r.HeapAlloc += live + garbage
			r.HeapSys += live + garbage
			r.Sys += live + garbage
		})
	}
	stacks := both(own(100*mib), func(r *Reading) { r.StackInuse += 100 * mib; r.Sys += 100 * mib })
	others := add(func(r *Reading) *profile.Bytes { return &r.CgroupAnon }, 100*mib)
	kernel := add(func(r *Reading) *profile.Bytes { return &r.CgroupKernel }, 100*mib)

	for _, test := range []struct {
		name   string
		before func(*Reading) // applied to both readings
		grow   func(*Reading)
		class  VerdictClass
		text   string // exact
	}{
		{"nothing happens", anon, anon, VerdictCalm, "calm: 101.0 MiB of 512.0 MiB in use"},
		{"page cache, far from the limit", anon, cache(150 * mib), VerdictPageCache, "not a leak: 190.0 MiB of 251.0 MiB in use is reclaimable page cache"},
		{"page cache at the limit", anon, cache(400 * mib), VerdictCacheAtLimit, "near the limit only because of page cache: 501.0 MiB of 512.0 MiB in use, of which the kernel reclaims 437.0 MiB before it kills"},
		{"dentries at the limit", anon, dentries(400*mib, true), VerdictCacheAtLimit, "near the limit only because of kernel memory (dentries and inodes): 501.0 MiB of 512.0 MiB in use, of which the kernel reclaims 437.0 MiB before it kills"},
		{"dentries at the limit of v1", anon, dentries(400*mib, false), VerdictCacheAtLimit, "probably near the limit only because of kernel memory (dentries and inodes): 501.0 MiB of 512.0 MiB in use, of which the kernel reclaims 437.0 MiB before it kills"},
		{"dentries, far from the limit", anon, dentries(150*mib, true), VerdictPageCache, "not a leak: 190.0 MiB of 251.0 MiB in use is reclaimable kernel memory (dentries and inodes)"},
		{"it was there before", cache(400 * mib), anon, VerdictCacheAtLimit, ""},
		{"a large steady heap and page cache", heap(250*mib, 50*mib), cache(100 * mib), VerdictCacheAtLimit, ""},
		{"dirty pages at the limit", anon, dirty(400 * mib), VerdictDirty, "near the limit because of dirty pages: 501.0 MiB of 512.0 MiB in use, of which 403.0 MiB wait to be written; slow down the writer or call fsync"},
		{"dirty pages far from it", anon, dirty(200 * mib), VerdictPageCache, ""},
		{"tmpfs", anon, tmpfs, VerdictTmpfs, "tmpfs holds 240.0 MiB of 512.0 MiB, up 240.0 MiB in 5 min; it counts like heap"},
		{"tmpfs of long ago", tmpfs, anon, VerdictTmpfs, "tmpfs holds 240.0 MiB of 512.0 MiB; it counts like heap"},
		{"locked file", anon, locked, VerdictLocked, "locked files hold 140.0 MiB of 512.0 MiB, up 140.0 MiB in 5 min; they count like heap"},
		{"Go heap", anon, heap(100*mib, 0), VerdictGoHeap, "Go heap grew by 100.0 MiB in 5 min to 142.0 MiB of 512.0 MiB, 120.0 MiB live"},
		{"Go heap with its garbage", anon, heap(40*mib, 40*mib), VerdictGoHeap, ""},
		{"garbage alone", anon, heap(2*mib, 150*mib), VerdictCalm, ""},
		{"a heap that is there, at its limit", heap(400*mib, 0), anon, VerdictGoHeap, "Go heap holds 442.0 MiB of 512.0 MiB, 420.0 MiB live"},
		{"goroutine stacks", anon, stacks, VerdictStacks, "goroutine stacks grew by 100.0 MiB in 5 min to 102.0 MiB of 512.0 MiB; look for leaking goroutines"},
		{"cgo", anon, own(100 * mib), VerdictNonGo, "non-Go memory grew by 100.0 MiB in 5 min to 106.0 MiB of 512.0 MiB; it is cgo or mmap, which no Go profile shows"},
		{"a sidecar", anon, others, VerdictOtherProcesses, "other processes in the cgroup grew by 100.0 MiB in 5 min to 105.0 MiB of 512.0 MiB; this process is not to blame"},
		{"sockets or dentries", anon, kernel, VerdictKernel, "kernel memory grew by 100.0 MiB in 5 min to 105.0 MiB of 512.0 MiB; it is slab, sockets or page tables, 3.0 MiB of it slab"},
		// The page cache fills what a leak leaves, but the leak is named.
		{"a leak under page cache", cache(200 * mib), both(heap(160*mib, 30*mib), cache(16*mib)), VerdictGoHeap, ""},
		// The larger of two wins.
		{"heap and cgo", anon, both(heap(50*mib, 0), own(90*mib)), VerdictNonGo, ""},
		{"too little", anon, own(31 * mib), VerdictCalm, ""},
		// A smaller configured limit applies.
		{"configured limit", func(r *Reading) { r.Limit = 128 * mib }, cache(20 * mib), VerdictCacheAtLimit, ""},
		// Without a cgroup limit the verdict is about the process.
		{"a laptop, cgo", func(r *Reading) { r.CgroupLimit, r.Limit = profile.Unknown, 16<<10*mib }, own(300 * mib), VerdictNonGo, ""},
		{"a laptop, no limit known", func(r *Reading) { r.CgroupLimit, r.Limit = profile.Unknown, profile.Unknown }, own(300 * mib), VerdictNonGo,
			"non-Go memory grew by 300.0 MiB in 5 min to 306.0 MiB; it is cgo or mmap, which no Go profile shows"},
		{"a laptop, page cache of others", func(r *Reading) { r.CgroupLimit, r.Limit = profile.Unknown, 16<<10*mib }, cache(400 * mib), VerdictCalm, "calm: 60.0 MiB of 16.00 GiB in use"},
		{"nothing known", func(r *Reading) { *r = NewReading(r.Time) }, func(r *Reading) { *r = NewReading(r.Time) }, VerdictUnknown, "memory use is unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			earlier, r := cgroupReading(noon.Add(-5*time.Minute)), cgroupReading(noon)
			test.before(&earlier)
			test.before(&r)
			test.grow(&r)
			v := r.Verdict(&earlier)
			check(t, r.Division())
			if v.Class != test.class || test.text != "" && v.Text != test.text {
				t.Errorf("%v: %q\nwant %v: %q", v.Class, v.Text, test.class, test.text)
			}
			if v.Class != r.VerdictClass(&earlier) {
				t.Errorf("VerdictClass is %v", r.VerdictClass(&earlier))
			}
			harmless := (strings.Contains(v.Text, "cache") || strings.Contains(v.Text, "dentries")) && v.Class != VerdictDirty || v.Class == VerdictCalm
			if v.Class.Harmless() != harmless {
				t.Errorf("Harmless is %v of %q", v.Class.Harmless(), v.Text)
			}
		})
	}
}

// A reading of a cgroup is not compared with one of a process.
func TestVerdictOfAnotherScope(t *testing.T) {
	earlier, r := cgroupReading(noon.Add(-time.Minute)), cgroupReading(noon)
	earlier.CgroupLimit = profile.Unknown
	r.CgroupAnon += 200 * mib
	r.CgroupUsage += 200 * mib
	if v := r.Verdict(&earlier); v.Class != VerdictCalm {
		t.Errorf("%+v", v)
	}
}

func TestVerdictClassNames(t *testing.T) {
	seen := map[string]bool{}
	for c := range verdicts {
		text, err := c.MarshalText()
		var back VerdictClass = 99
		if err != nil || back.UnmarshalText(text) != nil || back != c || seen[string(text)] || c.String() == "" {
			t.Errorf("%d is %q, which is %d", int(c), text, int(back))
		}
		seen[string(text)] = true
	}
	c := VerdictTmpfs
	if err := c.UnmarshalText([]byte("of a later version")); err != nil || c != VerdictUnknown {
		t.Errorf("%v, %v", c, err)
	}
	if s := VerdictClass(99).String(); s != "VerdictClass(99)" {
		t.Error(s)
	}
}
