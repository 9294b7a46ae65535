package leakytest

// Mirror is asked for a file.
type Mirror func(file string) string

// First asks all mirrors at the same time and returns the first answer. The bug:
// the others wait for ever for somebody to take theirs.
func First(file string, mirrors ...Mirror) string {
	answers := make(chan string)
	for _, ask := range mirrors {
		go func() { answers <- ask(file) }()
	}
	return <-answers
}

// All asks all mirrors at the same time and returns what they answer.
func All(file string, mirrors ...Mirror) []string {
	answers := make(chan string)
	for _, ask := range mirrors {
		go func() { answers <- ask(file) }()
	}
	all := make([]string, len(mirrors))
	for i := range all {
		all[i] = <-answers
	}
	return all
}
