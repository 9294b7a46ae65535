package leakytest

// Mirror returns a file's content from one mirror.
type Mirror func(file string) string

// First asks all mirrors at the same time and returns the first answer. The bug:
// the others wait forever for somebody to receive theirs.
func First(file string, mirrors ...Mirror) string {
	answers := make(chan string)
	for _, ask := range mirrors {
		go func() { answers <- ask(file) }()
	}
	return <-answers
}

// All asks all mirrors at the same time and returns all answers.
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
