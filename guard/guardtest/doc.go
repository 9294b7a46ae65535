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
// # How goroutines are checked
//
//  1. [VerifyNone] records which goroutines exist, and labels the test's goroutine
//     with the test's name (a pprof label with the key 'guardtest'). A goroutine
//     inherits the labels of the one that starts it, at any depth.
//  2. When the test, its subtests and the Cleanups that were registered after the
//     call have finished, it looks for goroutines with that label, until there are
//     none or the [Patience] has passed. It closes idle connections of
//     [net/http.DefaultTransport] first. When half of the patience has passed, it
//     forces a GC, because a finalizer may stop them.
//  3. Goroutines that are left fail the test. The failure has at most 60 lines. It
//     groups them by place and gives for each what they wait for and for how long
//     at least, the line that started them, and a likely cause. If the toolchain
//     has the goroutineleak profile, it adds the garbage collector's proof that
//     nothing can wake them. For a goroutine of a dependency it names the call in the
//     test that leads to it, which it finds in the source of both.
//  4. [Main] does the same once for the package and lists, for each place, the tests
//     that left goroutines there, and the subtests as far as the source shows them. It
//     also finds those that no test can be blamed for.
//
// # Which test is blamed
//
// The innermost test that called VerifyNone. If a subtest did not call it, its
// parent is blamed for its leaks. A parent does not report again what a subtest was
// blamed for.
//
// Some goroutines have no label. Those of [time.AfterFunc] and finalizers inherit
// none. [runtime/pprof.Do] with a context without labels removes them from the
// calling goroutine and from all that it starts afterwards. A test is blamed for
// such a goroutine only if no other test can have started it, which is so in two
// cases:
//
//   - The test was not parallel, and no other test that called a function of this
//     package was active at any time.
//   - The goroutine runs a function literal of the function that called VerifyNone,
//     and no other test that runs that function was active.
//
// Otherwise no test is blamed. Main then reports the goroutine with the test
// function on its stack or among its creators, or as unattributed. Call VerifyNone
// after t.Parallel, because a test that waits in t.Parallel counts as active. A
// test that begins with more than 2,000 goroutines in the process is not blamed for
// goroutines without a label.
//
// VerifyNone replaces the labels that the test's goroutine has, because the runtime
// does not let them be read.
//
// A connection of http.DefaultTransport belongs to the test whose request opened
// it. If another parallel test still uses it after the patience, the first test is
// blamed. Give tests that run in parallel clients of their own.
//
// In a bubble of testing/synctest VerifyNone does nothing: the bubble itself waits
// for its goroutines, and panics if one is stuck. Around a bubble it works.
//
// # Misuse fails loudly
//
// A call that could not see anything fails the test: a call that is deferred, comes
// from a Cleanup, is the last statement of a test, runs on another goroutine than
// the test's, comes twice in one test, or comes after Main has counted. Whether it
// is deferred or last is read from the test's source. Without the source, as in a
// binary that was moved, these two go unnoticed.
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
//	passing check, ms, with other goroutines parked:
//	             0                        0.25                     0.13
//	         1,000                        3                        30
//	        10,000                        20                       900
//	       100,000                        200                      7,300
//	stops the world                       less than 0.1 ms         the whole time, up to 21 times
//	goroutine without a label             only if a test runs      yes
//	                                      alone, else in Main
//
// Measured with BenchmarkVerifyNone and BenchmarkVerifyNoneFails and
// GUARDTEST_BENCH_ALL=1 on two cores of a busy virtual machine, guardtest with
// goleak's patience.
//
// # Concurrency
//
// Any number of tests may call VerifyNone at the same time. The heap, descriptors
// and timers belong to the whole process, so one test at a time can measure them.
//
// # Cost
//
// A passing check takes 0.25 ms, plus 2 µs for each goroutine of the process, more
// if their stacks are deep. A failing check takes its patience and, below 1,000
// goroutines, stops the world once for some milliseconds to find out who started
// them. To name the call that started a dependency's goroutine, it reads and type-checks
// the source of the dependency once, up to 32 MiB, which takes up to some seconds. A test
// binary grows by the size of net/http and go/types, 2 MiB of which are go/types.
package guardtest
