// Package profiletest makes pprof profiles for tests.
//
// It does not import package profile, whose own tests use it.
//
//  1. [StackOf] and [HeapOf] make a profile from stacks, or at random.
//  2. [Runtime] takes one from this process.
//  3. [Encode], [Zip] and [Unzip] convert between profiles and files.
package profiletest
