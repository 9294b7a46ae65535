package gate

import "fmt"

// Reason is why a transaction was not profiled. sentryhook.GateReason documents the
// reasons, and has the same numbers.
type Reason int

// The reasons, in the order in which they are checked.
const (
	Allowed Reason = iota
	Settling
	Unknown
	Incident
	Goroutines
	Heap
	Payload

	Reasons // their number
)

var reasonNames = [Reasons]string{"allowed", "settling", "unknown", "incident", "goroutines", "heap", "payload"}

// String returns the reason's name, such as 'goroutines'.
func (r Reason) String() string {
	if r < 0 || r >= Reasons {
		return fmt.Sprintf("GateReason(%d)", int(r))
	}
	return reasonNames[r]
}
