package guardtest

// TestingT is what the assertions need of a test. [testing.TB] implements it, and
// other frameworks can.
type TestingT interface {
	Helper()                           // makes a failure show the caller's line
	Name() string                      // goroutines are labelled with it
	Errorf(format string, args ...any) // a leak fails the test but does not end it
	Cleanup(func())                    // the check runs when the test and its subtests have ended
}

// TestingM is what [Main] needs of a [testing.M].
type TestingM interface {
	Run() int
}
