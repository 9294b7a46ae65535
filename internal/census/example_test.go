package census_test

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/internal/census"
)

func Example() {
	// Each minute one more goroutine waits where it handles an order.
	handle := census.Key{Wait: "chan send", Function: "main.handle", File: "shop.go", Line: 42, Root: "main.serve"}
	watch := census.NewWatch()
	for minute := range 120 {
		at := time.Duration(minute) * time.Minute
		watch.Observe(at, []census.Group{{Key: handle, Count: int64(5 + minute), Forever: true}})
	}
	for _, s := range watch.Sites() {
		fmt.Printf("%s: %d goroutines wait in %s at %s (%s:%d): %s\n", s.State, s.Count, s.Wait, s.Function, s.File, s.Line, s.Reason)
	}
	// Output:
	// leaking: 124 goroutines wait in chan send at main.handle (shop.go:42): 119 more in 1 h 59 min, rising steadily, and none has been seen to leave
}

func ExampleReader() {
	reader := census.NewReader("")
	if reader.Predict(1000) > 1<<20 {
		fmt.Println("needs too much memory")
		return
	}
	groups, err := reader.Take()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(groups) > 0, census.Next(reader.Cost(), 1000) >= time.Minute)
	// Output: true true
}
