// Package frames says what the frames of a stack mean: which package and module
// a function belongs to, whether it is the user's own code, and what a goroutine
// waits for. It works on names and paths alone, as any profile has them, so it
// answers for the profile of another program, too.
package frames

// Frame is one function call of a stack, as the runtime's profiles tell it.
type Frame struct {
	Function string // full name, such as 'github.com/acme/shop/storage.(*Cache).Put'
	File     string
	Line     int
	// StartLine is the line where the function begins, 0 where it is not
	// known. It tells a receive from a nil channel from any other receive.
	StartLine int
}
