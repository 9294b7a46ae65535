package procfs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/leakguard/leakguard/internal/kernfile"
)

// Unknown is the value of an amount that this kernel does not tell.
const Unknown = -1

// bufSize holds any of the files: status has 1.4 KiB and grows with the number
// of processors, meminfo has 1.5 KiB.
const bufSize = 16 << 10

// Stat is the memory, in bytes, and the threads of this process, as the kernel
// counts them, or [Unknown].
type Stat struct {
	RSS      int64 // resident set: RSSAnon, RSSShmem and pages of files
	RSSAnon  int64 // the part without a file behind it: heap, stacks, cgo, mmap
	RSSShmem int64 // the part in tmpfs and shared memory; only by ReadStatus
	Threads  int64 // operating system threads; only by ReadStatus
}

var unknownStat = Stat{RSS: Unknown, RSSAnon: Unknown, RSSShmem: Unknown, Threads: Unknown}

// Process reads what the kernel says about this process.
type Process struct {
	statm, status *kernfile.File
	statusErr     error // why status is nil
	pageSize      int64
	buf           []byte
}

// Open opens the files of this process. They are looked for below root, which
// is "/" but in tests. Without /proc/self/status only ReadStatus fails.
func Open(root string) (*Process, error) {
	statm, err := kernfile.Open(filepath.Join(root, "proc/self/statm"))
	if err != nil {
		return nil, fmt.Errorf("procfs: open this process: %w", err)
	}
	p := &Process{statm: statm, pageSize: int64(os.Getpagesize()), buf: make([]byte, bufSize)}
	if p.status, err = kernfile.Open(filepath.Join(root, "proc/self/status")); err != nil {
		p.statusErr = fmt.Errorf("procfs: open this process: %w", err)
	}
	return p, nil
}

// Read fills in RSS and RSSAnon and sets the other fields to [Unknown]. It
// allocates nothing unless it fails; then all fields are Unknown.
//
// RSSAnon is exact, as the third number of statm is by definition the resident
// pages that are not anonymous. A kernel in user space that leaves this number
// 0 (gVisor) makes RSSAnon equal to RSS.
func (p *Process) Read(s *Stat) error {
	*s = unknownStat
	n, err := p.statm.Read(p.buf)
	if err != nil {
		return fmt.Errorf("procfs: read this process: %w", err)
	}
	text := p.buf[:n]
	resident, shared, ok := parseStatm(text)
	if !ok || resident > math.MaxInt64/p.pageSize {
		return fmt.Errorf("procfs: read this process: %s holds %.40q: want seven numbers of pages, the third at most the second", p.statm.Path(), text)
	}
	s.RSS = resident * p.pageSize
	s.RSSAnon = (resident - shared) * p.pageSize
	return nil
}

// ReadStatus fills in all fields, at eight times Read's cost. It allocates
// nothing unless it fails; then all fields are [Unknown]. A row that is absent
// (RssAnon and RssShmem before Linux 4.5) or no number is only Unknown.
func (p *Process) ReadStatus(s *Stat) error {
	*s = unknownStat
	if p.status == nil {
		return p.statusErr
	}
	n, err := p.status.Read(p.buf)
	if err != nil {
		return fmt.Errorf("procfs: read this process: %w", err)
	}
	if s.parse(p.buf[:n]) == 0 {
		return fmt.Errorf("procfs: read this process: %s holds %.40q: none of VmRSS, RssAnon, RssShmem, Threads", p.status.Path(), p.buf[:n])
	}
	return nil
}

// Close closes the files. It can be called more than once; the other methods
// then fail with [io/fs.ErrClosed].
func (p *Process) Close() error {
	err := p.statm.Close()
	if p.status != nil {
		err = errors.Join(err, p.status.Close())
	}
	if err != nil {
		return fmt.Errorf("procfs: close this process: %w", err)
	}
	return nil
}
