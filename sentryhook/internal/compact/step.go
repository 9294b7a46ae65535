package compact

// Step is how far a profile has been reduced. The steps after Lossless lose data,
// in this order.
type Step int

const (
	// Lossless profiles say the same as before, but for samples beyond 30 s.
	Lossless Step = iota
	// ActiveOnly profiles have lost the samples of the other threads.
	ActiveOnly
	// ActiveRuns profiles keep only the ends of the active thread's runs of equal
	// stacks.
	ActiveRuns
	// Thinned profiles keep every second, fourth, and so on of those.
	Thinned
)

// String says what a step does.
func (s Step) String() string {
	return [...]string{"nothing", "dropping the samples of other threads", "keeping the ends of the active thread's runs", "thinning the active thread"}[s]
}
