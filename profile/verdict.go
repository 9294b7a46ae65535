package profile

import "fmt"

// VerdictClass is what fills the memory, in one of a few classes.
type VerdictClass int

// The classes of a [Verdict].
const (
	VerdictUnknown        VerdictClass = iota // nothing is known of the memory
	VerdictCalm                               // nothing stands out
	VerdictPageCache                          // most of it is page cache
	VerdictCacheAtLimit                       // the limit is met by page cache alone
	VerdictDirty                              // the limit is met by page cache that is not written yet
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
	"not known",
	"calm",
	"page cache, reclaimable: not a leak",
	"limit is close but all of it is cache",
	"dirty pages at the limit: slow the writer or fsync",
	"tmpfs counts like heap",
	"locked files count like heap",
	"Go heap grows",
	"goroutine stacks grow",
	"non-Go memory grows",
	"other processes of the cgroup grow",
	"kernel memory grows",
}

// String gives the class in words, such as 'page cache, reclaimable: not a leak'.
func (c VerdictClass) String() string {
	if c < 0 || c >= verdicts {
		return fmt.Sprintf("VerdictClass(%d)", int(c))
	}
	return verdictNames[c]
}

// Harmless reports whether the kernel takes back what fills the memory: such a
// class is no leak however close the limit is.
func (c VerdictClass) Harmless() bool {
	return c == VerdictCalm || c == VerdictPageCache || c == VerdictCacheAtLimit
}

// Verdict is what fills the memory, in words.
type Verdict struct {
	Class VerdictClass
	// Text is one sentence with the figures, such as 'tmpfs holds 240.0 MiB of
	// 512.0 MiB: counts like heap'.
	Text string
}

// Verdict says what fills the memory. earlier is a reading of minutes ago, for
// what has grown since then; nil: only what there is now is judged. It computes
// from the two readings alone.
func (r *Reading) Verdict(earlier *Reading) Verdict {
	d := r.Division()
	v := Verdict{Class: VerdictCalm}
	if !d.Total.Known() {
		return Verdict{Class: VerdictUnknown, Text: "nobody knows what the memory holds"}
	}
	v.Text = fmt.Sprintf("calm: %v in use", d.Total)
	return v
}
