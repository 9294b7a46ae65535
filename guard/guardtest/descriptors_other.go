//go:build !linux

package guardtest

func openDescriptors() (map[int]string, error) { return nil, errNoDescriptors }

func describeSocket(string) string { return "" }
