package incident

import "github.com/leakguard/leakguard/profile"

// Division is how the memory that the limit is about divides. Its parts are at
// least 0 and add up to Total; what no source accounts for is Unattributed.
//
// In a cgroup with a limit it divides the cgroup's usage, the memory of other
// processes and the page cache included, whoever filled it; see
// [Reading.CgroupLimit]. Elsewhere it divides the resident set of the process, and
// where the system does not tell that, what the Go runtime has taken.
//
// It rests on these rules, as the sources count some memory twice and some not at all:
//
//   - Anonymous memory of this process is its RSSAnon, at most the cgroup's;
//     the rest of the cgroup's is OtherProcesses.
//   - The Go runtime tells what it took, not what is resident. What it took beyond
//     RSSAnon was never touched (a large slice that nobody has written to), and
//     nobody knows which: then all Go parts shrink in proportion. So NonGo is a
//     lower bound; the program's global variables are in it too.
//   - Before the first garbage collection all of HeapAlloc counts as live.
//   - Locked is the locked pages of files alone. Locked anonymous memory and tmpfs
//     are with their like, as for a limit the lock changes nothing: the row
//     unevictable has all three. That of files is file − shmem − inactive_file −
//     active_file, at most unevictable. Pages of a large folio that is not locked as a
//     whole stay in the lists of what can be taken back, and so in FileCache, until
//     the kernel wants them back and finds the lock (measured on Linux 6.18: half of a
//     locked file of 160 MiB).
//   - Dirty is at most inactive_file + active_file; FileCache is what is left of these.
//   - Kernel is the rows kernel and sock of v2, or where there is no row kernel
//     (before Linux 5.18) slab, kernel_stack, pagetables, sec_pagetables and percpu;
//     in v1 memory.kmem.usage_in_bytes, as memory.stat has nothing of it.
//   - Where the rows exceed the usage, which is read a moment earlier, the page
//     cache is cut.
//
// The kernel charges in batches of 64 pages per processor and calls v1's usage 'a
// fuzz value for efficient access' (Documentation/admin-guide/cgroup-v1/memory.rst,
// 5.5), so some Unattributed is normal: up to 256 KiB per processor.
type Division struct {
	// Total is the cgroup's usage or the process's resident set; [profile.Unknown]
	// where nothing is known, and then all parts are 0.
	Total profile.Bytes
	// Cgroup says that it is the cgroup's.
	Cgroup bool

	GoLive    profile.Bytes // heap that the last garbage collection found reachable
	GoGarbage profile.Bytes // garbage, what was allocated since, and free heap that was not given back
	GoStacks  profile.Bytes // stacks of goroutines
	GoRuntime profile.Bytes // what else the Go runtime took, for itself

	NonGo          profile.Bytes // other anonymous memory of the process: cgo, mmap, global variables
	OtherProcesses profile.Bytes // anonymous memory of the cgroup's other processes
	Shmem          profile.Bytes // tmpfs and shared memory: counts like heap, stays when its writer ends
	Locked         profile.Bytes // pages of files that are locked: mlock, ramfs
	Kernel         profile.Bytes // slab, page tables, kernel stacks, sockets
	Dirty          profile.Bytes // page cache that has to be written before the kernel can take it back
	FileCache      profile.Bytes // page cache that the kernel takes back when the limit is met
	Unattributed   profile.Bytes // what no source accounts for
}

// Part is one part of a [Division].
type DivisionPart struct {
	Name  string // in words, such as 'Go live heap'
	Bytes profile.Bytes
	// Reclaimable says that the kernel takes it back before it kills, after
	// it was written where it has to be. The others add up to what
	// [Reading.Unreclaimable] is about.
	Reclaimable bool
}

// Parts returns all parts in the order in which to show them, those of 0 bytes
// included; nil where nothing is known. They add up to Total.
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
		{Name: "page cache, not written yet", Bytes: d.Dirty, Reclaimable: true},
		{Name: "page cache, reclaimable", Bytes: d.FileCache, Reclaimable: true},
		{Name: "unattributed", Bytes: d.Unattributed},
	}
}

// Division divides the memory of the reading. It computes from the reading's
// fields alone and allocates nothing.
func (r *Reading) Division() Division {
	if r.CgroupLimit.Known() && r.CgroupUsage.Known() {
		return r.divideCgroup()
	}
	return r.divideProcess()
}

// pool hands out what is left of an amount, so that parts cannot exceed it.
type pool struct{ left profile.Bytes }

// take takes up to n; of what is not known nothing.
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
	d.Kernel = usage.take(max(r.CgroupKernel, 0) + max(r.CgroupSock, 0))
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
			// The program itself and what it has mapped.
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

// goTaken is what the Go runtime has taken from the system and not given back.
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
		// Each gets its share of what is left, so that rounding loses nothing.
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
