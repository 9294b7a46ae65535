package incident_test

import (
	"fmt"
	"time"

	"github.com/leakguard/leakguard/profile/incident"
)

// A job wrote a file in a container of 256 MiB.
func ExampleReading_Verdict() {
	r := incident.NewReading(time.Now())
	r.CgroupUsage, r.CgroupLimit = 251<<20, 256<<20
	r.CgroupAnon, r.RSSAnon = 5<<20, 5<<20
	r.CgroupInactiveFile, r.CgroupActiveFile = 240<<20, 2<<20

	v := r.Verdict(nil)
	fmt.Println(v.Text)
	if v.Class.Harmless() {
		fmt.Println("not a leak")
	}
	for _, p := range r.Division().Parts() {
		if p.Bytes > 1<<20 {
			fmt.Println(p.Bytes, p.Name)
		}
	}
	// Output:
	// near the limit only because of page cache: 251.0 MiB of 256.0 MiB in use, of which the kernel reclaims 242.0 MiB before it kills
	// not a leak
	// 5.0 MiB non-Go memory (cgo, mmap)
	// 242.0 MiB page cache, reclaimable
	// 4.0 MiB unattributed
}
