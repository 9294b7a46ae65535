// https://github.com/gin-gonic/gin/issues/1332: uploads that are in memory
// while they are worked on.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"mime/multipart"
	"net/http"
	"time"

	"example.com/leakcases/service"
)

// upload takes a photo.
func upload(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseMultipartForm(8 << 20); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer r.MultipartForm.RemoveAll()
	f, header, err := r.FormFile("photo")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer f.Close()
	photo := new(bytes.Buffer)
	photo.ReadFrom(f)
	time.Sleep(1200 * time.Millisecond) // the virus scanner
	fmt.Fprintf(w, "%s %x\n", header.Filename, sha256.Sum256(photo.Bytes()))
}

func photo(size int) (body []byte, contentType string) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	part, err := m.CreateFormFile("photo", "photo.jpg")
	if err != nil {
		panic(err)
	}
	part.Write(bytes.Repeat([]byte{0xff, 0xd8, 0x42, 0x17}, size/4))
	m.Close()
	return b.Bytes(), m.FormDataContentType()
}

func main() {
	body, contentType := photo(500 << 10)
	busy := make(chan struct{}, 20) // photographers
	service.Main(service.Case{
		Healthy: true, Rate: 16, Limit: 132 << 20,
		Setup: func(mux *http.ServeMux, _ string) {
			mux.Handle("POST /photos", http.MaxBytesHandler(http.HandlerFunc(upload), 16<<20))
		},
		Client: func(base string, i int) {
			select {
			case busy <- struct{}{}:
			default: // each has one photo under way
				return
			}
			go func() {
				service.Do("POST", base+"/photos", bytes.NewReader(body), "Content-Type", contentType)
				<-busy
			}()
		},
	})
}
