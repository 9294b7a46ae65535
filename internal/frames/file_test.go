package frames_test

import (
	"testing"

	"github.com/leakguard/leakguard/internal/frames"
)

func TestShortFile(t *testing.T) {
	for path, want := range map[string]string{
		"/home/me/shop/storage/cache.go":  "storage/cache.go",
		"C:/Users/me/shop/main.go":        "shop/main.go",
		"github.com/acme/shop/storage.go": "shop/storage.go",
		"shop/main.go":                    "shop/main.go",
		"main.go":                         "main.go",
		"":                                "",
	} {
		if got := frames.ShortFile(path); got != want {
			t.Errorf("ShortFile(%q) = %q, want %q", path, got, want)
		}
	}
}
