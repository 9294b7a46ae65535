// Package blobsink brings the evidence of incidents to object storage, so that it
// survives the pod: S3, Google Cloud Storage, Azure, a folder, or whatever else
// [gocloud.dev/blob] opens.
//
//	bucket, err := blob.OpenBucket(ctx, "s3://evidence?region=eu-central-1")
//	...
//	sink, err := blobsink.New(bucket, blobsink.Config{})
//	...
//	g, err := guard.Start(guard.Config{Sinks: []guard.Sink{sink}})
//
// It is a module of its own, so that who does not use it does not get its
// dependencies.
//
// # The way of the data
//
//  1. When evidence is captured, the sink waits for the report, for the first
//     suspect belongs to the name under which the fleet knows the incident:
//     service/version/rule-suspect.
//  2. It claims one of a few places under that name, by writing claim.json on the
//     condition that there is none. Which place is decided by the host's name, so
//     one request decides. Who comes second has nothing to do: ten thousand pods
//     of one release that leak in one place store a few incidents, not ten thousand.
//  3. Who has the place uploads the files, and manifest.json last: a place with a
//     manifest is whole. Object stores write an object whole or not at all. What
//     comes later, such as a second round of profiles, is added, and the manifest
//     replaced.
//
// A claim whose process died before the manifest came is finished by the next
// start on the same evidence folder; where that is gone, the place stays empty
// until the window is over. That is what the other places are for.
//
// Objects are named
//
//	<prefix><service>/<version>/<rule>-<suspect>-<hash>/<window>/<place>/<file>
//
// # Cost
//
// An incident costs one conditional write of about 200 bytes, and for the few that
// have a place the files, some 100 KiB. TestFleet lets 10,000 processes meet one
// bucket and prints requests and bytes. A delivery is tried again with back-off
// for as long as the guard lets it (30 s), and offered again after the next start.
//
// The evidence goes as it is: profiles may have labels, goroutine.txt too, and the
// manifest has host names. Who may read the bucket may read these.
package blobsink
