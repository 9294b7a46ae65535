package profile

// Frame is a place in the code. A field that is unknown or does not apply is
// zero.
type Frame struct {
	Function string `json:"function"` // full name, such as 'github.com/acme/shop/storage.(*Cache).Put'
	File     string `json:"file"`
	Line     int    `json:"line"`
	Package  string `json:"package"` // import path
	Module   string `json:"module"`  // module path, or 'std' for the standard library
}
