package incident

import (
	"encoding/json"
	"fmt"
	"time"
)

// plainReading has Reading's fields without its methods.
type plainReading Reading

// readingJSON replaces CPUTime, a time.Duration, which has no null of its own.
// Of two fields with one name the outer one wins.
type readingJSON struct {
	*plainReading
	CPUTime *time.Duration `json:"cpu_time_ns"`
}

// MarshalJSON writes the reading, with null for unknown values.
func (r Reading) MarshalJSON() ([]byte, error) {
	out := readingJSON{plainReading: (*plainReading)(&r)}
	if r.CPUTime >= 0 {
		out.CPUTime = &r.CPUTime
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
	if in.CPUTime != nil {
		if *in.CPUTime < 0 {
			return fmt.Errorf("incident: reading: cpu_time_ns %d: want at least 0, or null for unknown", int64(*in.CPUTime))
		}
		read.CPUTime = *in.CPUTime
	}
	*r = read
	return nil
}
