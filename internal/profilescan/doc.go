// Package profilescan walks through the bytes of a profile in the pprof format and says
// how much memory parsing it takes and how many things it holds, before anybody
// parses it. A small file can become thousands of times as large.
//
// [Bytes] scans what is in memory. [Reader] scans a stream and holds none of it. Both
// take time in proportion to the bytes.
package profilescan
