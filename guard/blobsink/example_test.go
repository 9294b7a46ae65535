package blobsink_test

import (
	"context"
	"log"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // or s3blob, gcsblob, azureblob

	"github.com/leakguard/leakguard/guard"
	"github.com/leakguard/leakguard/guard/blobsink"
)

// Upload evidence to a bucket as soon as it is captured.
func ExampleNew() {
	bucket, err := blob.OpenBucket(context.Background(), "file:///var/evidence")
	if err != nil {
		log.Fatal(err)
	}
	defer bucket.Close()
	sink, err := blobsink.New(bucket, blobsink.Config{})
	if err != nil {
		log.Fatal(err)
	}
	g, err := guard.Start(guard.Config{Sinks: []guard.Sink{sink}})
	if err != nil {
		log.Fatal(err)
	}
	defer g.Close()
}
