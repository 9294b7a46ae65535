package profile

// Frame is a place in the code. What is not known, or does not apply, is zero.
type Frame struct {
	Function string `json:"function"` // such as 'github.com/acme/shop/storage.(*Cache).Put'
	File     string `json:"file"`
	Line     int    `json:"line"`
	Package  string `json:"package"` // import path
	Module   string `json:"module"`  // path, 'std' for the standard library
}
