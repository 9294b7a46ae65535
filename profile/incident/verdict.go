package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
)

// VerdictClass says what fills the memory, in one of a few classes.
type VerdictClass int

// The classes of a [Verdict].
const (
	VerdictUnknown        VerdictClass = iota // memory use is unknown
	VerdictCalm                               // nothing stands out
	VerdictPageCache                          // page cache, or kernel memory that is reclaimable, far from the limit
	VerdictCacheAtLimit                       // near the limit through these alone
	VerdictDirty                              // near the limit through page cache not written yet
	VerdictTmpfs                              // tmpfs or shared memory
	VerdictLocked                             // locked pages of files
	VerdictGoHeap                             // the Go heap
	VerdictStacks                             // goroutine stacks
	VerdictNonGo                              // cgo, mmap
	VerdictOtherProcesses                     // other processes in the cgroup
	VerdictKernel                             // kernel memory charged to the cgroup

	verdicts // the number of classes
)

var verdictNames = [verdicts]string{
	"unknown", "calm", "page cache", "page cache at the limit", "dirty page cache", "tmpfs", "locked files",
	"Go heap", "goroutine stacks", "non-Go memory", "other processes", "kernel memory",
}

// String returns the class in a few words, such as 'page cache at the limit'.
func (c VerdictClass) String() string {
	if c < 0 || c >= verdicts {
		return fmt.Sprintf("VerdictClass(%d)", int(c))
	}
	return verdictNames[c]
}

// Harmless reports whether there is no leak, however close the limit is:
// nothing fills the memory, or the kernel reclaims what does before it kills.
func (c VerdictClass) Harmless() bool {
	return c == VerdictCalm || c == VerdictPageCache || c == VerdictCacheAtLimit
}

// MarshalText returns the name of the class.
func (c VerdictClass) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the name of a class. An unknown name, such as one of a
// later version, becomes [VerdictUnknown].
func (c *VerdictClass) UnmarshalText(text []byte) error {
	*c = VerdictUnknown
	for i, name := range verdictNames {
		if name == string(text) {
			*c = VerdictClass(i)
		}
	}
	return nil
}

// Verdict says what fills the memory.
type Verdict struct {
	Class VerdictClass `json:"class"`
	// Text is one sentence with the figures, such as 'tmpfs holds 240.0 MiB of
	// 512.0 MiB; it counts like heap'; "" in the zero Verdict.
	Text string `json:"text"`
}

// The thresholds of a verdict.
const (
	// closeToLimit is the share of the limit above which it is close.
	closeToLimit = 0.90
	// heldOfLimit is the share of the limit above which the largest
	// unreclaimable part is named even if nothing grew, because growth was
	// likely missed.
	heldOfLimit = 0.80
	// cacheAlone is the share of the limit up to which unreclaimable memory
	// does not matter, unless a part of it grew by grownAnyway.
	cacheAlone, grownAnyway = 0.5, 0.25
	// surprising is the share of the limit above which tmpfs and locked files
	// are always named, because nobody looks for memory there.
	surprising = 0.25
	// unwritten is the share of the limit above which page cache not written
	// yet is what holds the process up.
	unwritten = 0.125
	// Growth counts from a sixteenth of the limit, but from at least 8 MiB and
	// at most 256 MiB.
	grownOfLimit         = 1.0 / 16
	leastGrown, mostFree = 8 << 20, 256 << 20
)

// Verdict says what fills the memory of the reading r. earlier is a reading of
// some minutes before, and growth since then counts first. If earlier is nil,
// Verdict judges the present state only. It uses only the two readings.
//
// All memory but the page cache and reclaimable kernel memory is unreclaimable. The first rule that applies
// decides:
//
//  1. The limit is close (90%), at most half of it is unreclaimable, and no
//     unreclaimable part grew by a quarter of it: [VerdictCacheAtLimit], or
//     [VerdictDirty] if an eighth of the limit waits to be written.
//  2. An unreclaimable part grew by a sixteenth of the limit, but at least
//     8 MiB and at most 256 MiB: the class of that part.
//  3. The limit is close, and less than 80% of it is unreclaimable: as in
//     rule 1.
//  4. Tmpfs or locked files hold a quarter of the limit: [VerdictTmpfs] or
//     [VerdictLocked].
//  5. 80% of the limit is unreclaimable: the class of the largest part.
//  6. The page cache or reclaimable kernel memory grew, or these fill half of the
//     limit: [VerdictPageCache].
//  7. Otherwise: [VerdictCalm].
//
// Garbage counts as growth of the Go heap only up to the growth of the live
// heap, which is what GOGC=100 allows. Garbage alone is not growth.
func (r *Reading) Verdict(earlier *Reading) Verdict {
	c := newVerdictCase(r, earlier)
	class := c.class()
	return Verdict{Class: class, Text: c.text(class)}
}

// VerdictClass returns the class of [Reading.Verdict]. It does not allocate.
func (r *Reading) VerdictClass(earlier *Reading) VerdictClass {
	c := newVerdictCase(r, earlier)
	return c.class()
}

// limitOf returns the limit that applies to what d divides, or Unknown.
func (r *Reading) limitOf(d Division) profile.Bytes {
	if d.Cgroup && (!r.Limit.Known() || r.CgroupLimit < r.Limit) {
		return r.CgroupLimit
	}
	return r.Limit
}

// verdictCase is the input of a verdict.
type verdictCase struct {
	d     Division
	limit profile.Bytes
	slab  profile.Bytes
	grown [verdicts]profile.Bytes // by class
	in    time.Duration           // time in which it grew; 0 if unknown
}

func newVerdictCase(r, earlier *Reading) verdictCase {
	d := r.Division()
	c := verdictCase{d: d, limit: r.limitOf(d), slab: r.CgroupSlab}
	if earlier == nil {
		return c
	}
	if before := earlier.Division(); before.Total.Known() && before.Cgroup == d.Cgroup {
		c.grown = growthOf(before, d)
		c.in = max(r.Time.Sub(earlier.Time), 0)
	}
	return c
}

// held returns the parts by class.
func (d *Division) held() (h [verdicts]profile.Bytes) {
	h[VerdictPageCache] = d.FileCache + d.KernelCache
	h[VerdictDirty] = d.Dirty
	h[VerdictTmpfs] = d.Shmem
	h[VerdictLocked] = d.Locked
	h[VerdictGoHeap] = d.GoLive + d.GoGarbage + d.GoRuntime
	h[VerdictStacks] = d.GoStacks
	h[VerdictNonGo] = d.NonGo
	h[VerdictOtherProcesses] = d.OtherProcesses
	h[VerdictKernel] = d.Kernel
	return h
}

func growthOf(before, now Division) (grown [verdicts]profile.Bytes) {
	b, n := before.held(), now.held()
	for c := range grown {
		grown[c] = n[c] - b[c]
	}
	live := max(now.GoLive-before.GoLive, 0)
	grown[VerdictGoHeap] = min(grown[VerdictGoHeap], 2*live)
	return grown
}

// reclaimable returns what the kernel reclaims before it kills.
func (d *Division) reclaimable() profile.Bytes { return d.FileCache + d.Dirty + d.KernelCache }

// cacheName returns the name of what the kernel reclaims before it kills, by the larger
// part. Cgroup v1 does not say which part of the kernel's memory that is, so there it is
// a guess, and called one.
func (c *verdictCase) cacheName() (name, probably string) {
	switch {
	case c.d.KernelCache <= c.d.FileCache+c.d.Dirty:
		return "page cache", ""
	case c.slab.Known():
		return "kernel memory (dentries and inodes)", ""
	default:
		return "kernel memory (dentries and inodes)", "probably "
	}
}

// mostHeld returns the class with the most unreclaimable memory.
func mostHeld(by [verdicts]profile.Bytes) (class VerdictClass, most profile.Bytes) {
	for c := VerdictTmpfs; c < verdicts; c++ {
		if by[c] > most {
			class, most = c, by[c]
		}
	}
	return class, most
}

// of returns a share of the limit. Without a limit it is out of reach.
func (c *verdictCase) of(share float64) profile.Bytes {
	if c.limit <= 0 {
		return 1 << 62
	}
	return profile.Bytes(share * float64(c.limit))
}

func (c *verdictCase) class() VerdictClass {
	held, must := c.d.held(), c.d.Total-c.d.reclaimable()
	near := c.d.Total >= c.of(closeToLimit)
	atLimit := VerdictCacheAtLimit
	if c.d.Dirty >= c.of(unwritten) {
		atLimit = VerdictDirty
	}
	enough := min(max(c.of(grownOfLimit), leastGrown), mostFree)
	growing, by := mostHeld(c.grown)
	holder, _ := mostHeld(held)
	switch {
	case !c.d.Total.Known():
		return VerdictUnknown
	case near && must <= c.of(cacheAlone) && by < c.of(grownAnyway):
		return atLimit
	case by >= enough:
		return growing
	case near && must < c.of(heldOfLimit):
		return atLimit
	case c.d.Shmem >= c.of(surprising) && c.d.Shmem >= c.d.Locked:
		return VerdictTmpfs
	case c.d.Locked >= c.of(surprising):
		return VerdictLocked
	case must >= c.of(heldOfLimit) && holder != VerdictUnknown:
		return holder
	case c.grown[VerdictPageCache]+c.grown[VerdictDirty] >= enough, c.d.reclaimable() >= c.of(cacheAlone):
		return VerdictPageCache
	}
	return VerdictCalm
}

// verdictWords says how to describe a part: its name, whether that is a plural,
// and a hint on what follows.
var verdictWords = [verdicts]struct {
	name   string
	plural bool
	hint   string
}{
	VerdictTmpfs:          {"tmpfs", false, "it counts like heap"},
	VerdictLocked:         {"locked files", true, "they count like heap"},
	VerdictGoHeap:         {"Go heap", false, ""},
	VerdictStacks:         {"goroutine stacks", true, "look for leaking goroutines"},
	VerdictNonGo:          {"non-Go memory", false, "it is cgo or mmap, which no Go profile shows"},
	VerdictOtherProcesses: {"other processes in the cgroup", true, "this process is not to blame"},
	VerdictKernel:         {"kernel memory", false, "it is slab, sockets or page tables"},
}

func (c *verdictCase) text(class VerdictClass) string {
	d := c.d
	of, in := "", ""
	if c.in > 0 {
		in = " in " + words.Span(c.in)
	}
	if c.limit > 0 {
		of = fmt.Sprintf(" of %v", c.limit)
	}
	switch class {
	case VerdictUnknown:
		return "memory use is unknown"
	case VerdictCalm:
		return fmt.Sprintf("calm: %v%s in use", d.Total, of)
	case VerdictPageCache:
		name, probably := c.cacheName()
		return fmt.Sprintf("%snot a leak: %v of %v in use is reclaimable %s", probably, d.reclaimable(), d.Total, name)
	case VerdictCacheAtLimit:
		name, probably := c.cacheName()
		return fmt.Sprintf("%snear the limit only because of %s: %v%s in use, of which the kernel reclaims %v before it kills", probably, name, d.Total, of, d.FileCache+d.KernelCache)
	case VerdictDirty:
		return fmt.Sprintf("near the limit because of dirty pages: %v%s in use, of which %v wait to be written; slow down the writer or call fsync", d.Total, of, d.Dirty)
	}
	w := verdictWords[class]
	var b strings.Builder
	b.WriteString(w.name)
	hold := " holds"
	if w.plural {
		hold = " hold"
	}
	held := d.held()[class]
	surprise := class == VerdictTmpfs || class == VerdictLocked
	switch grown := c.grown[class]; {
	case grown < leastGrown || surprise && grown < held/2:
		fmt.Fprintf(&b, "%s %v%s", hold, held, of)
	case surprise:
		fmt.Fprintf(&b, "%s %v%s, up %v%s", hold, held, of, grown, in)
	default:
		fmt.Fprintf(&b, " grew by %v%s to %v%s", grown, in, held, of)
	}
	if w.hint != "" {
		b.WriteString("; " + w.hint)
	}
	if class == VerdictKernel && c.slab.Known() {
		fmt.Fprintf(&b, ", %v of it slab", c.slab)
	}
	if class == VerdictGoHeap {
		fmt.Fprintf(&b, ", %v live", d.GoLive)
	}
	return b.String()
}
