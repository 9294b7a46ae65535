package envelope

import "fmt"

// Panic is a panic as an error.
type Panic struct{ Value any }

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Recovered calls f and returns its panic, if any, as a [*Panic]: a fault of ours
// must not cost the host its envelope, much less its process.
func Recovered(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Panic{r}
		}
	}()
	return f()
}
