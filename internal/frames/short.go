package frames

import "strings"

// ShortFunction returns a function's name without the path of its package, such as
// 'storage.(*Cache).Put' for 'github.com/acme/shop/storage.(*Cache).Put'. Type arguments
// stay as they are.
func ShortFunction(function string) string {
	head, args, generic := strings.Cut(function, "[")
	if i := strings.LastIndexByte(head, '/'); i >= 0 {
		head = head[i+1:]
	}
	if generic {
		head += "[" + args
	}
	return head
}
