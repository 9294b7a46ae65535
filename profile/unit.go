package profile

// Unit is what a number counts. Its zero value is no unit.
type Unit string

// The units.
const (
	UnitBytes     Unit = "bytes"
	UnitCount     Unit = "count"
	UnitNS        Unit = "ns"
	UnitMilliCPU  Unit = "millicpu"   // thousandths of a core
	UnitPerSecond Unit = "per_second" // events per second
)
