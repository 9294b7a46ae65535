// Package blackbox keeps what a process last knew of itself where it outlives the
// process: in a file of a fixed size to which each sample and each decision is
// written as it comes.
//
//  1. [Create] makes the file, takes its lock, writes who the process is, and then
//     all of it once, so that later nothing has to be allocated.
//  2. [Box.Sample] and [Box.Note] write into rings, whole slots with a checksum
//     each, by one pwrite(2) each.
//  3. [Box.Close] says that the process took its leave, and removes the file.
//  4. A [Look] of a later process finds the files whose lock nobody has: their
//     processes are dead. [Found.Load] reads what they knew.
//
// What was written survives the process however it dies, also by SIGKILL or the
// kernel's OOM killer: it is in the kernel's page cache. It does not survive a power cut
// or a crash of the kernel, because nothing is ever synced.
//
// A mapping of the file into memory (mmap) was rejected: where the disk is full,
// the file cut short or its device gone, a store into it is SIGBUS, which kills the
// host; a write is an error.
//
// # Format
//
// Little endian. 4 KiB of head: magic, version of the format, length and CRC32C of
// the header, the header as JSON; at its end the state (open, clean, told). Then
// three rings of slots: recent samples, one sample a minute, notes. A slot is
//
//	0  CRC32C of the rest of the slot
//	4  number of values, or bytes of text
//	8  sequence number, from 1; its slot is (sequence - 1) mod length of the ring
//	16 time, nanoseconds since 1970
//	24 values of 8 bytes each, or text
//
// What a value is stands in the header, by name: a reader of another version takes
// the names that it knows. Sizes of the rings are there, too. A new version of the
// format is one that an old reader would misread; it refuses that.
//
// # Cost
//
// A sample costs one pwrite of 256 bytes into the page cache: about 1 µs, and no
// allocation (BenchmarkSample). The file has 228 KiB.
//
// # Concurrency
//
// A Box is for one goroutine at a time.
package blackbox
