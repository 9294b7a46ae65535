package incident

import "github.com/leakguard/leakguard/profile"

// Division divides up the memory that counts against the limit. Its parts are
// at least 0 and add up to Total; memory that no source accounts for is
// Unattributed.
//
// In a cgroup with a limit it divides the cgroup's usage, including the memory
// of other processes and the page cache, whoever filled it; see
// [Reading.CgroupLimit]. Elsewhere it divides the resident set of the process
// or, if the system does not report that, the memory that the Go runtime has
// taken.
//
// The sources count some memory twice and some not at all, so these rules
// apply:
//
//   - Anonymous memory of this process is its RSSAnon, at most the cgroup's
//     anonymous memory. The rest of the latter is OtherProcesses.
//   - The Go runtime reports what it took, not what is resident. Anything
//     beyond RSSAnon was never touched, like a large slice that nobody has
//     written to. It is unknown which part that is, so all Go parts shrink
//     in proportion. NonGo is therefore a lower bound. It includes the
//     program's global variables.
//   - Before the first garbage collection, all of HeapAlloc counts as live.
//   - Locked counts the locked pages of files only: file − shmem −
//     inactive_file − active_file, at most the row unevictable. That row
//     also has locked anonymous memory and tmpfs, which stay in their own
//     parts, because locking does not change how they count against the
//     limit. Pages of a large folio that is only partly locked stay on the
//     lists of reclaimable pages, and so in FileCache, until the kernel
//     tries to reclaim them (measured on Linux 6.18: half of a locked file
//     of 160 MiB).
//   - Dirty is at most inactive_file + active_file; FileCache is the rest of
//     these.
//   - KernelCache is [Reading.CgroupKernelReclaimable], and Kernel the rest of what
//     follows: the rows kernel and sock in v2. Before Linux 5.18, which has
//     no row kernel, it is slab, kernel_stack, pagetables, sec_pagetables
//     and percpu. In v1, where memory.stat has no such row, it is
//     memory.kmem.usage_in_bytes.
//   - If the rows exceed the usage, which is read a moment earlier, the page
//     cache is cut.
//
// The kernel charges memory in batches of 64 pages per CPU and calls v1's usage
// 'a fuzz value for efficient access'
// (Documentation/admin-guide/cgroup-v1/memory.rst, 5.5), so up to 256 KiB of
// Unattributed per CPU are normal.
type Division struct {
	// Total is the cgroup's usage or the process's resident set;
	// [profile.Unknown], with all parts 0, if nothing is known.
	Total profile.Bytes
	// Cgroup means that Total is the cgroup's usage.
	Cgroup bool

	GoLive    profile.Bytes // heap that the last garbage collection found reachable
	GoGarbage profile.Bytes // garbage, memory allocated since, and free heap not returned to the system
	GoStacks  profile.Bytes // stacks of goroutines
	GoRuntime profile.Bytes // other memory that the Go runtime took for itself

	NonGo          profile.Bytes // other anonymous memory of the process: cgo, mmap, global variables
	OtherProcesses profile.Bytes // anonymous memory of the cgroup's other processes
	Shmem          profile.Bytes // tmpfs and shared memory: counts like heap, outlives its writer
	Locked         profile.Bytes // locked pages of files: mlock, ramfs
	Kernel         profile.Bytes // slab, page tables, kernel stacks, sockets
	KernelCache    profile.Bytes // kernel memory that the kernel reclaims at the limit: dentries, inodes
	Dirty          profile.Bytes // page cache that must be written before the kernel can reclaim it
	FileCache      profile.Bytes // page cache that the kernel reclaims at the limit
	Unattributed   profile.Bytes // memory that no source accounts for
}

// DivisionPart is one part of a [Division].
type DivisionPart struct {
	Name  string // in words, such as 'Go live heap'
	Bytes profile.Bytes
	// Reclaimable means that the kernel reclaims it before it kills, once it is
	// written if it has to be. The other parts add up to what
	// [Reading.Unreclaimable] measures.
	Reclaimable bool
}

// Parts returns all parts, including those of 0 bytes, in the order in which to
// show them. They add up to Total. It returns nil if Total is unknown.
func (d Division) Parts() []DivisionPart {
	if !d.Total.Known() {
		return nil
	}
	return []DivisionPart{
		{Name: "Go live heap", Bytes: d.GoLive},
		{Name: "Go garbage and free heap", Bytes: d.GoGarbage},
		{Name: "goroutine stacks", Bytes: d.GoStacks},
		{Name: "other Go runtime", Bytes: d.GoRuntime},
		{Name: "non-Go memory (cgo, mmap)", Bytes: d.NonGo},
		{Name: "other processes", Bytes: d.OtherProcesses},
		{Name: "tmpfs and shared memory", Bytes: d.Shmem},
		{Name: "locked files (mlock)", Bytes: d.Locked},
		{Name: "kernel (slab, sockets)", Bytes: d.Kernel},
		{Name: "kernel, reclaimable (dentries, inodes)", Bytes: d.KernelCache, Reclaimable: true},
		{Name: "page cache, not written yet", Bytes: d.Dirty, Reclaimable: true},
		{Name: "page cache, reclaimable", Bytes: d.FileCache, Reclaimable: true},
		{Name: "unattributed", Bytes: d.Unattributed},
	}
}

// Division divides the memory of the reading. It uses only the reading's fields
// and does not allocate.
func (r *Reading) Division() Division {
	if r.CgroupLimit.Known() && r.CgroupUsage.Known() {
		return r.divideCgroup()
	}
	return r.divideProcess()
}

// pool hands out an amount in parts, so that the parts cannot exceed it.
type pool struct{ left profile.Bytes }

// take takes up to n from the pool; nothing if n is unknown.
func (p *pool) take(n profile.Bytes) profile.Bytes {
	n = min(max(n, 0), p.left)
	p.left -= n
	return n
}

func (r *Reading) divideCgroup() Division {
	d := Division{Total: r.CgroupUsage, Cgroup: true}
	usage := pool{d.Total}
	anon := r.CgroupAnon
	if !anon.Known() {
		anon = max(r.RSSAnon, 0)
	}
	anonymous := pool{usage.take(anon)}
	own := r.RSSAnon
	if !own.Known() {
		own = r.goTaken()
	}
	r.divideOwn(&d, anonymous.take(own))
	if r.RSSAnon.Known() {
		d.OtherProcesses = anonymous.left
	} else {
		usage.left += anonymous.left
	}
	d.Shmem = usage.take(r.CgroupShmem)
	cache := profile.Bytes(0)
	if r.CgroupInactiveFile.Known() && r.CgroupActiveFile.Known() {
		cache = r.CgroupInactiveFile + r.CgroupActiveFile
		if r.CgroupFile.Known() && r.CgroupUnevictable.Known() {
			d.Locked = usage.take(min(r.CgroupUnevictable, r.CgroupFile-max(r.CgroupShmem, 0)-cache))
		}
	}
	files := pool{cache}
	kernel := pool{max(r.CgroupKernel, 0)}
	reclaimable := kernel.take(r.CgroupKernelReclaimable)
	d.Kernel = usage.take(kernel.left + max(r.CgroupSock, 0))
	d.KernelCache = usage.take(reclaimable)
	d.Dirty = usage.take(files.take(max(r.CgroupDirty, 0) + max(r.CgroupWriteback, 0)))
	d.FileCache = usage.take(files.left)
	d.Unattributed = usage.left
	return d
}

func (r *Reading) divideProcess() Division {
	switch {
	case r.RSS.Known() && r.RSSAnon.Known():
		d := Division{Total: r.RSS}
		resident := pool{d.Total}
		r.divideOwn(&d, resident.take(r.RSSAnon))
		d.Shmem = resident.take(r.RSSShmem)
		if r.RSSShmem.Known() {
			// The executable and the files that it has mapped.
			d.FileCache = resident.take(resident.left)
		}
		d.Unattributed = resident.left
		return d
	case r.goTaken() > 0:
		d := Division{Total: r.goTaken()}
		r.divideOwn(&d, d.Total)
		return d
	}
	return Division{Total: profile.Unknown}
}

// goTaken returns how much memory the Go runtime has taken from the system and
// not returned.
func (r *Reading) goTaken() profile.Bytes {
	if !r.Sys.Known() || !r.HeapReleased.Known() {
		return 0
	}
	return max(r.Sys-r.HeapReleased, 0)
}

// divideOwn divides the resident anonymous memory of this process.
func (r *Reading) divideOwn(d *Division, resident profile.Bytes) {
	taken := pool{r.goTaken()}
	live := r.HeapLive
	if r.NumGC == 0 {
		live = r.HeapAlloc
	}
	d.GoLive = taken.take(live)
	if r.HeapSys.Known() {
		d.GoGarbage = taken.take(r.HeapSys - max(r.HeapReleased, 0) - d.GoLive)
	}
	d.GoStacks = taken.take(r.StackInuse)
	d.GoRuntime = taken.left
	parts := [...]*profile.Bytes{&d.GoLive, &d.GoGarbage, &d.GoStacks, &d.GoRuntime}
	all := r.goTaken()
	if all > resident {
		// Each part gets its share of the remainder, so rounding loses nothing.
		rest := pool{resident}
		for _, p := range parts {
			n := *p
			if all > 0 {
				*p = rest.take(profile.Bytes(float64(rest.left) * (float64(n) / float64(all))))
			}
			all -= n
		}
		d.GoRuntime += rest.left
		return
	}
	d.NonGo = resident - all
}
