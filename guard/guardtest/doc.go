// Package guardtest asserts that tests leave nothing behind: no goroutines
// ([VerifyNone], [Main]), no growing heap.
//
//	func TestServe(t *testing.T) {
//		t.Parallel()
//		guardtest.VerifyNone(t)
//		...
//	}
package guardtest
