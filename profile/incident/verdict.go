package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/leakguard/leakguard/internal/words"
	"github.com/leakguard/leakguard/profile"
)

// VerdictClass is what fills the memory, in one of a few classes.
type VerdictClass int

// The classes of a [Verdict].
const (
	VerdictUnknown        VerdictClass = iota // nothing is known of the memory
	VerdictCalm                               // nothing stands out
	VerdictPageCache                          // page cache, far from the limit
	VerdictCacheAtLimit                       // the limit is close by page cache alone
	VerdictDirty                              // the limit is close by page cache that is not written yet
	VerdictTmpfs                              // tmpfs or shared memory
	VerdictLocked                             // locked pages of files
	VerdictGoHeap                             // the Go heap
	VerdictStacks                             // the stacks of goroutines
	VerdictNonGo                              // cgo, mmap
	VerdictOtherProcesses                     // other processes of the cgroup
	VerdictKernel                             // the kernel, for the cgroup

	verdicts // the number of classes
)

var verdictNames = [verdicts]string{
	"unknown", "calm", "page cache", "page cache at the limit", "dirty page cache", "tmpfs", "locked files",
	"Go heap", "goroutine stacks", "non-Go memory", "other processes", "kernel memory",
}

// String gives the class in a few words, such as 'page cache at the limit'.
func (c VerdictClass) String() string {
	if c < 0 || c >= verdicts {
		return fmt.Sprintf("VerdictClass(%d)", int(c))
	}
	return verdictNames[c]
}

// Harmless reports whether it is no leak, however close the limit is: the kernel
// takes back what fills the memory before it kills, or nothing fills it.
func (c VerdictClass) Harmless() bool {
	return c == VerdictCalm || c == VerdictPageCache || c == VerdictCacheAtLimit
}

// MarshalText writes the class's name.
func (c VerdictClass) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name; one that a later version has added is
// [VerdictUnknown].
func (c *VerdictClass) UnmarshalText(text []byte) error {
	*c = VerdictUnknown
	for i, name := range verdictNames {
		if name == string(text) {
			*c = VerdictClass(i)
		}
	}
	return nil
}

// Verdict is what fills the memory, in words.
type Verdict struct {
	Class VerdictClass `json:"class"`
	// Text is one sentence with the figures, such as 'tmpfs holds 240.0 MiB of
	// 512.0 MiB: counts like heap'; '' in the zero Verdict.
	Text string `json:"text"`
}

// The lines of a verdict.
const (
	// closeToLimit is the share of the limit from which on it is close.
	closeToLimit = 0.90
	// A holder is named when this share of the limit cannot be taken back,
	// though nothing grew: from there on a growth that nobody saw is likely.
	heldOfLimit = 0.80
	// cacheAlone is the share of the limit up to which what cannot be taken back
	// does not matter, unless it grew by grownAnyway.
	cacheAlone, grownAnyway = 0.5, 0.25
	// surprising is the share of the limit from which on tmpfs and locked files
	// are named in any case: nobody looks for memory there.
	surprising = 0.25
	// unwritten is the share of the limit from which on page cache that is not
	// written yet is what holds the process up.
	unwritten = 0.125
	// What grew by less than a sixteenth of the limit is no growth, nor by
	// less than 8 MiB; by 256 MiB it is in any case.
	grownOfLimit         = 1.0 / 16
	leastGrown, mostFree = 8 << 20, 256 << 20
)

// Verdict says what fills the memory. earlier is a reading of some minutes ago,
// and then what has grown since counts first; with nil only what there is now can
// be judged. It computes from the two readings alone.
//
// In this order, the first that holds: the limit is close (90%), at most half of
// it cannot be taken back and no part of that grew by a quarter of the limit
// ([VerdictCacheAtLimit]; [VerdictDirty] where an eighth of the limit waits to be
// written); a part that cannot be taken back grew, by a sixteenth of the limit but
// at least 8 MiB and at most 256 MiB (its class); the limit is close and less than 80% of it cannot be
// taken back (as the first); tmpfs or locked files hold a quarter of the limit; 80% of the limit
// cannot be taken back (the class of the largest part); the page cache grew or is
// half of the limit ([VerdictPageCache]); calm.
//
// Of the Go heap as much garbage counts as growth as the live heap grew by, which is
// what GOGC=100 allows: garbage alone is no growth.
func (r *Reading) Verdict(earlier *Reading) Verdict {
	c := newVerdictCase(r, earlier)
	class := c.class()
	return Verdict{Class: class, Text: c.text(class)}
}

// VerdictClass is the class of [Reading.Verdict] alone; it allocates nothing.
func (r *Reading) VerdictClass(earlier *Reading) VerdictClass {
	c := newVerdictCase(r, earlier)
	return c.class()
}

// limitOf is the limit that is about what is divided, or Unknown.
func (r *Reading) limitOf(d Division) profile.Bytes {
	if d.Cgroup && (!r.Limit.Known() || r.CgroupLimit < r.Limit) {
		return r.CgroupLimit
	}
	return r.Limit
}

// verdictCase is what a verdict is made from.
type verdictCase struct {
	d     Division
	limit profile.Bytes
	slab  profile.Bytes
	grown [verdicts]profile.Bytes // by class
	in    time.Duration           // in which it grew; 0: not known
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

// held are the parts by class.
func (d *Division) held() (h [verdicts]profile.Bytes) {
	h[VerdictPageCache] = d.FileCache
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

// mostHeld is the class with the most of what the kernel does not take back.
func mostHeld(by [verdicts]profile.Bytes) (class VerdictClass, most profile.Bytes) {
	for c := VerdictTmpfs; c < verdicts; c++ {
		if by[c] > most {
			class, most = c, by[c]
		}
	}
	return class, most
}

// of is a share of the limit; without a limit nothing reaches it.
func (c *verdictCase) of(share float64) profile.Bytes {
	if c.limit <= 0 {
		return 1 << 62
	}
	return profile.Bytes(share * float64(c.limit))
}

func (c *verdictCase) class() VerdictClass {
	held, must := c.d.held(), c.d.Total-c.d.FileCache-c.d.Dirty
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
	case c.grown[VerdictPageCache]+c.grown[VerdictDirty] >= enough, c.d.FileCache+c.d.Dirty >= c.of(cacheAlone):
		return VerdictPageCache
	}
	return VerdictCalm
}

// verdictWords are how a part is told of: its name, whether it is a plural, and
// what follows from it.
var verdictWords = [verdicts]struct {
	name   string
	plural bool
	hint   string
}{
	VerdictTmpfs:          {"tmpfs", false, "counts like heap"},
	VerdictLocked:         {"locked files", true, "count like heap"},
	VerdictGoHeap:         {"Go heap", false, ""},
	VerdictStacks:         {"goroutine stacks", true, "look for goroutines that leak"},
	VerdictNonGo:          {"non-Go memory", false, "cgo or mmap, which no Go profile shows"},
	VerdictOtherProcesses: {"other processes of the cgroup", true, "this process is not to blame"},
	VerdictKernel:         {"kernel memory", false, "slab, sockets or page tables"},
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
		return "nothing tells what the memory holds"
	case VerdictCalm:
		return fmt.Sprintf("calm: %v%s in use", d.Total, of)
	case VerdictPageCache:
		return fmt.Sprintf("page cache, reclaimable: not a leak; %v of %v in use", d.FileCache+d.Dirty, d.Total)
	case VerdictCacheAtLimit:
		return fmt.Sprintf("limit is close but all of it is cache: %v%s in use, the kernel takes %v back before it kills", d.Total, of, d.FileCache)
	case VerdictDirty:
		return fmt.Sprintf("dirty pages at the limit: slow the writer or fsync; %v wait to be written, %v%s in use", d.Dirty, d.Total, of)
	}
	w := verdictWords[class]
	var b strings.Builder
	b.WriteString(w.name)
	verb := func(s string) {
		if !w.plural {
			s += "s"
		}
		b.WriteString(" " + s)
	}
	held := d.held()[class]
	surprise := class == VerdictTmpfs || class == VerdictLocked
	switch grown := c.grown[class]; {
	case grown < leastGrown || surprise && grown < held/2:
		verb("hold")
		fmt.Fprintf(&b, " %v%s", held, of)
	case surprise:
		verb("hold")
		fmt.Fprintf(&b, " %v%s, %v more%s", held, of, grown, in)
	default:
		verb("grow")
		fmt.Fprintf(&b, ": %v more%s, now %v%s", grown, in, held, of)
	}
	if w.hint != "" {
		b.WriteString(": " + w.hint)
	}
	if class == VerdictKernel && c.slab.Known() {
		fmt.Fprintf(&b, "; %v of it slab", c.slab)
	}
	if class == VerdictGoHeap {
		fmt.Fprintf(&b, ", %v live", d.GoLive)
	}
	return b.String()
}
