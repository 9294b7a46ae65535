// Package guardtest asserts that tests leave nothing behind: no goroutines
// ([VerifyNone], [Main]), no growing heap ([NoHeapGrowth]), no open files
// ([NoDescriptorLeak]), no timers ([NoTimerLeak]).
//
//	func TestServe(t *testing.T) {
//		t.Parallel()
//		guardtest.VerifyNone(t)
//		...
//	}
//
//	func TestMain(m *testing.M) { guardtest.Main(m) }
//
// The way of a goroutine:
//
//  1. [VerifyNone] notes which goroutines there are, and labels the test's goroutine
//     with its name (a pprof label, key 'guardtest'). Every goroutine inherits the
//     labels of the one that starts it, at any depth.
//  2. When the test, its subtests and the Cleanups that were registered after the call have
//     ended, it looks for goroutines with that label, until there are none or the
//     [Patience] has passed. Idle connections of [net/http.DefaultTransport] are closed
//     first.
//  3. What is left fails the test, in at most 60 lines: grouped by place, with what it
//     waits for and for how long at least, the line that started it, a likely cause and,
//     where the toolchain has the goroutineleak profile, the garbage
//     collector's proof that nothing can wake it.
//  4. [Main] does the same once for the package and says which test started each; it
//     finds, too, what no test can be blamed for.
//
// # Who is blamed
//
// The innermost test that called VerifyNone: a leak of a subtest that did not call it is
// its parent's, one that a subtest is blamed for is not told again by its parent.
//
// Labels get lost: goroutines of [time.AfterFunc] and finalizers inherit
// none, and [runtime/pprof.Do] with a context of its own wipes them off the
// goroutine that calls it, for all that is started from then on. Such newcomers are
// blamed on a test only if no other can have started them: it was not parallel,
// and no other test that called a function of this package was active at any
// moment; or they run a function literal of the function that called VerifyNone, and no
// other test that runs it was active. Otherwise no test is blamed, and Main reports them, with
// the test function that is on their stack or among their creators, or as
// unattributed. So call VerifyNone after t.Parallel: a test that waits in it is active. A
// test that begins with more than 2,000 goroutines in the process is not blamed for
// newcomers without a label.
//
// Labels that a test's goroutine has when it calls VerifyNone are lost: nothing lets
// them be read.
//
// A connection of http.DefaultTransport belongs to the test whose request opened it. If
// another parallel test still uses it after the patience, the first is blamed: give tests
// that run in parallel clients of their own.
//
// In a bubble of testing/synctest VerifyNone does nothing: the bubble waits for its
// goroutines itself, and panics where one is stuck. Around a bubble it works.
//
// # What cannot be got wrong
//
// A call that could not see anything fails: deferred, from a Cleanup, as the last
// statement of a test, on another goroutine than the test's, twice in one test, or
// after Main has counted. That it is deferred, or last, is read off the test's
// source; where there is none, as in a binary that was moved, it goes unseen.
//
// # Compared with goleak
//
//	                                      guardtest                goleak v1.3.0
//	tests with t.Parallel                 yes                      no
//	blames                                the test that started    the test that looks first
//	snapshot taken too late               fails                    passes, whatever leaks
//	bubble of testing/synctest            yes                      always fails
//	stack of more than 100 frames         yes                      panics
//	patience                              2 s, an option           about 0.45 s
//	report of 10,000 goroutines left      0.4 KiB (60 lines        6.2 MiB, after 11 s
//	                                      at most), after 0.5 s
//	passing check, ms, with goroutines of others parked:
//	             0                        0.25                     0.13
//	         1,000                        3                        30
//	        10,000                        20                       900
//	       100,000                        200                      7,300
//	stops the world                       less than 0.1 ms         the whole time, up to 21 times
//	goroutine without a label             only where a test is     yes
//	                                      alone, else in Main
//
// (BenchmarkVerifyNone and BenchmarkVerifyNoneFails with GUARDTEST_BENCH_ALL=1, two cores
// of a busy virtual machine; guardtest with goleak's patience.)
//
// # Concurrency
//
// VerifyNone is for any number of tests at a time. What belongs to the whole process, the
// heap, descriptors and timers, is measured by one test at a time.
//
// # Cost
//
// A check that passes takes 0.25 ms; its time grows with the goroutines of the
// process, by 2 µs each, and with the depth of their stacks. A check that fails takes its patience
// and, below 1,000 goroutines, stops the world once for the text that knows who
// started them, some milliseconds. A test binary grows by what net/http needs.
package guardtest
