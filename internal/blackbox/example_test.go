package blackbox_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/leakguard/leakguard/internal/blackbox"
)

func Example() {
	dir, err := os.MkdirTemp("", "blackbox-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	box, err := blackbox.Create(dir, blackbox.Header{PID: os.Getpid(), Started: time.Now(), Columns: []string{"memory"}}, false)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := box.Sample(time.Now(), []int64{511 << 20}); err != nil {
		fmt.Println(err)
	}
	// A finder finds no dead process now. After Close there is no box.
	if err := box.Close(); err != nil {
		fmt.Println(err)
	}
	look, err := blackbox.NewLook(dir, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer look.Close()
	fmt.Println(look.Next() == nil)
	// Output: true
}

func BenchmarkCreate(b *testing.B) {
	dir := b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		box, err := blackbox.Create(dir, blackbox.Header{PID: os.Getpid(), Started: time.Now(), Columns: []string{"memory"}}, false)
		if err != nil {
			b.Fatal(err)
		}
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
