package envelope

import "fmt"

// DropReason is why a profile was left out. sentryhook.DropReason documents the
// reasons, and has the same numbers.
type DropReason int

// The reasons.
const (
	TooLarge DropReason = iota
	TooLate
	ByRate
	ByRelay
	OnRefusal

	DropReasons // their number
)

var dropReasonNames = [DropReasons]string{"too large", "too late", "rate budget", "relay's rate limit", "refused"}

// String returns the reason in a word or two.
func (r DropReason) String() string {
	if r < 0 || r >= DropReasons {
		return fmt.Sprintf("DropReason(%d)", int(r))
	}
	return dropReasonNames[r]
}
