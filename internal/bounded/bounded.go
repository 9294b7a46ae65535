package bounded

import "strings"

// MaxText is the most that Text keeps, in bytes.
const MaxText = 1 << 10

// Text cuts a text to MaxText bytes, without leaving half a character.
func Text(s string) string {
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText], "") + "…"
}

// FirstAndNewest returns a copy of a list, cut to its first element and its newest ones.
// It is never nil, so that a reader of the JSON finds a list, not null.
func FirstAndNewest[T any](list []T, most int) []T {
	if len(list) <= most {
		return append([]T{}, list...)
	}
	return append(list[:1:1], list[len(list)-most+1:]...)
}
