package profile

// Unit names what a number counts. The zero value means that no unit is set.
type Unit string

// The units of a rule's peak, a suspect's values and a trend's slope.
const (
	UnitBytes     Unit = "bytes"
	UnitCount     Unit = "count"
	UnitNS        Unit = "ns"
	UnitMilliCPU  Unit = "millicpu"   // thousandths of a core
	UnitPerSecond Unit = "per_second" // events per second
)
