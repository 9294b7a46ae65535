package guardtest

// TestingT is what the assertions need of a test; [testing.TB] has it, and so
// have the stand-ins of other frameworks.
type TestingT interface {
	Helper()                           // so that a failure shows the caller's line
	Name() string                      // goroutines are labelled with it
	Errorf(format string, args ...any) // a leak fails the test, and ends nothing
	Cleanup(func())                    // the check runs when test and subtests have ended
}

// TestingM is what [Main] needs of a [testing.M].
type TestingM interface {
	Run() int
}
