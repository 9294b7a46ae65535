//go:build cgo

// Package native counts tokens with a C library.
package native

/*
#include <ctype.h>
#include <stdlib.h>

static long count_tokens(const char *s) {
	long n = 0;
	int inside = 0;
	for (; *s; s++) {
		if (isspace((unsigned char)*s)) {
			inside = 0;
		} else if (!inside) {
			inside = 1;
			n++;
		}
	}
	return n;
}
*/
import "C"

// CountTokens returns the number of tokens of a prompt.
func CountTokens(prompt string) int {
	return int(C.count_tokens(C.CString(prompt)))
}
