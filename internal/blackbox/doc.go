// Package blackbox keeps a process's last samples and decisions in a file of fixed
// size that outlives the process, however it dies.
//
//  1. [Create] creates the file, locks it, writes a header that identifies the
//     process, and writes every block once so that nothing has to be allocated
//     later.
//  2. [Box.Sample] and [Box.Note] write into rings. Each slot has a checksum and is
//     written whole by one pwrite(2).
//  3. [Box.Close] marks a clean exit and removes the file.
//  4. A later process's [Look] opens the files whose lock is free, one at a time:
//     their processes are dead. [Found.Load] reads what was left in the file.
//
// The data survives any death of the process, also by SIGKILL or the OOM killer,
// because it is in the kernel's page cache. It does not survive a power cut or a
// kernel crash, because the file is never synced.
//
// Mapping the file into memory (mmap) was rejected. If the disk is full, the file
// was truncated or its device is gone, a store into the mapping raises SIGBUS and
// kills the host; a write returns an error.
//
// # Format
//
// All numbers are little endian. The head takes 4 KiB: magic, version of the
// format, length and CRC32C of the header, the header as JSON and, at its end, the
// state (open, clean, told). Three rings of slots follow: recent samples, one
// sample a minute, notes. A slot is
//
//	0  CRC32C of the rest of the slot
//	4  number of values, or bytes of text
//	8  sequence number, from 1; its slot is (sequence - 1) mod length of the ring
//	16 time, nanoseconds since 1970
//	24 values of 8 bytes each, or text
//
// The header names the values and gives the sizes of the rings. A reader of another
// version uses the names that it knows. The version of the format changes only if
// an old reader would misread a file; it refuses newer versions.
//
// # Cost
//
// A sample costs one pwrite of 256 bytes into the page cache: about 1 µs, and no
// allocation (BenchmarkSample). The file has 228 KiB.
//
// # Concurrency
//
// A Box must be used by one goroutine at a time.
package blackbox
