package procfs

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/leakguard/leakguard/internal/kernfile"
)

// Unknown is the value of an amount that the kernel does not provide.
const Unknown = -1

// bufSize is enough for each of the files: status has 1.4 KiB and grows with the
// number of processors, meminfo has 1.5 KiB.
const bufSize = 16 << 10

// Stat is this process's memory, in bytes, and its threads, as counted by the
// kernel. A field is [Unknown] if the kernel does not provide it.
type Stat struct {
	RSS      int64 // resident set: RSSAnon, RSSShmem and file pages
	RSSAnon  int64 // the part not backed by a file: heap, stacks, cgo, mmap
	RSSShmem int64 // the part in tmpfs and shared memory; set by ReadStatus only
	Threads  int64 // operating system threads; set by ReadStatus only
}

var unknownStat = Stat{RSS: Unknown, RSSAnon: Unknown, RSSShmem: Unknown, Threads: Unknown}

// Process reads the kernel's figures for this process.
type Process struct {
	statm, status *kernfile.File
	statusErr     error // why status is nil
	pageSize      int64
	buf           []byte
}

// Open opens this process's files. It looks for them below root, which is "/"
// except in tests. Without /proc/self/status only ReadStatus fails.
func Open(root string) (*Process, error) {
	statm, err := kernfile.Open(filepath.Join(root, "proc/self/statm"))
	if err != nil {
		return nil, fmt.Errorf("procfs: open this process's files: %w", err)
	}
	p := &Process{statm: statm, pageSize: int64(os.Getpagesize()), buf: make([]byte, bufSize)}
	if p.status, err = kernfile.Open(filepath.Join(root, "proc/self/status")); err != nil {
		p.statusErr = fmt.Errorf("procfs: open this process's files: %w", err)
	}
	return p, nil
}

// Read fills in RSS and RSSAnon and sets the other fields to [Unknown]. It
// allocates nothing unless it fails. If it fails, all fields are Unknown.
//
// RSSAnon is exact: the third number of statm is defined as the resident pages that
// are not anonymous. A user-space kernel that leaves this number 0 (gVisor) makes
// RSSAnon equal to RSS.
func (p *Process) Read(s *Stat) error {
	*s = unknownStat
	n, err := p.statm.Read(p.buf)
	if err != nil {
		return fmt.Errorf("procfs: read this process's memory: %w", err)
	}
	text := p.buf[:n]
	resident, shared, ok := parseStatm(text)
	if !ok || resident > math.MaxInt64/p.pageSize {
		return fmt.Errorf("procfs: read this process's memory: %s holds %.40q: want seven numbers of pages, the third at most the second", p.statm.Path(), text)
	}
	s.RSS = resident * p.pageSize
	s.RSSAnon = (resident - shared) * p.pageSize
	return nil
}

// ReadStatus fills in all fields, at eight times the cost of Read. It allocates
// nothing unless it fails. If it fails, all fields are [Unknown]. A row that is
// absent (RssAnon and RssShmem before Linux 4.5) or not a number leaves only its
// field Unknown.
func (p *Process) ReadStatus(s *Stat) error {
	*s = unknownStat
	if p.status == nil {
		return p.statusErr
	}
	n, err := p.status.Read(p.buf)
	if err != nil {
		return fmt.Errorf("procfs: read this process's memory: %w", err)
	}
	if s.parse(p.buf[:n]) == 0 {
		return fmt.Errorf("procfs: read this process's memory: %s holds %.40q, which has none of VmRSS, RssAnon, RssShmem, Threads", p.status.Path(), p.buf[:n])
	}
	return nil
}

// Close closes the files. It can be called more than once. The other methods then
// fail with [io/fs.ErrClosed].
func (p *Process) Close() error {
	err := p.statm.Close()
	if p.status != nil {
		err = errors.Join(err, p.status.Close())
	}
	if err != nil {
		return fmt.Errorf("procfs: close this process's files: %w", err)
	}
	return nil
}
