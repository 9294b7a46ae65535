package incident

import (
	"encoding/json"
	"fmt"
	"time"
)

// plainReading has Reading's fields without its methods.
type plainReading Reading

// readingJSON replaces the fields of type time.Duration, which has no null of its own.
// Of two fields with one name the outer one wins.
type readingJSON struct {
	*plainReading
	CPUTime       *time.Duration `json:"cpu_time_ns"`
	CgroupStalled *time.Duration `json:"cgroup_stalled_ns"`
}

// MarshalJSON writes the reading, with null for unknown values.
func (r Reading) MarshalJSON() ([]byte, error) {
	out := readingJSON{plainReading: (*plainReading)(&r)}
	if r.CPUTime >= 0 {
		out.CPUTime = &r.CPUTime
	}
	if r.CgroupStalled >= 0 {
		out.CgroupStalled = &r.CgroupStalled
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes. A field that is null, or absent
// as in the manifest of an earlier version, is unknown.
func (r *Reading) UnmarshalJSON(data []byte) error {
	read := NewReading(time.Time{})
	in := readingJSON{plainReading: (*plainReading)(&read)}
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("incident: reading: %w", err)
	}
	for _, d := range []struct {
		name string
		in   *time.Duration
		to   *time.Duration
	}{{"cpu_time_ns", in.CPUTime, &read.CPUTime}, {"cgroup_stalled_ns", in.CgroupStalled, &read.CgroupStalled}} {
		if d.in == nil {
			continue
		}
		if *d.in < 0 {
			return fmt.Errorf("incident: reading: %s %d: want at least 0, or null for unknown", d.name, int64(*d.in))
		}
		*d.to = *d.in
	}
	*r = read
	return nil
}
