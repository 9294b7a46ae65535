//go:build !linux

package guardtest

func openDescriptors() (map[int]opening, error) { return nil, errNoDescriptors }

func describeSocket(string) string { return "" }
