// Package frames says what the frames of a stack mean: which package and module
// a function belongs to, whether it is the user's own code, and what a
// goroutine waits for.
//
// It works only on the names and paths in a profile, so it also works for
// profiles of other programs. It keeps no state; all functions may be called
// from several goroutines at once.
//
//  1. [PackageOf] and [ModuleOf] find the package and module of a function
//     (package.go, module.go).
//  2. [Own] decides whether a frame is the user's own code, and [Site] which
//     frame of a stack to blame.
//  3. [Wait] and [Reason] find what a goroutine waits for, and
//     [CanBeForever] whether that can last forever (wait.go).
//  4. [ParseText] reads goroutines as text, with what profiles lack
//     (text.go).
package frames

// Frame is one function call of a stack, as in the runtime's profiles.
type Frame struct {
	Function string // full name, such as 'github.com/acme/shop/storage.(*Cache).Put'
	File     string
	Line     int
	// StartLine is the line where the function begins, 0 if unknown. It
	// distinguishes a receive from a nil channel from other receives.
	StartLine int
}
