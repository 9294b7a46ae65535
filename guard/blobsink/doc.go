// Package blobsink uploads the evidence of incidents to object storage, so that it
// survives the pod. It supports everything that [gocloud.dev/blob] opens: S3,
// Google Cloud Storage, Azure, a folder and others.
//
//	bucket, err := blob.OpenBucket(ctx, "s3://evidence?region=eu-central-1")
//	...
//	sink, err := blobsink.New(bucket, blobsink.Config{})
//	...
//	g, err := guard.Start(guard.Config{Sinks: []guard.Sink{sink}})
//
// It is a module of its own, so that programs which do not use it do not get its
// dependencies.
//
// # The way of the data
//
//  1. When evidence has been captured, the sink waits for the report, because the
//     first suspect is part of the incident's name in the fleet:
//     service/version/rule-suspect.
//  2. It claims one of a few places under that name, by writing claim.json on the
//     condition that it does not exist. The host's name selects the place, so one
//     request decides. A process that comes second does nothing. If ten thousand
//     pods of one release leak in the same place, they store a few incidents, not
//     ten thousand.
//  3. A process that got the place uploads the files, manifest.json last. A place
//     with a manifest is therefore complete: object stores write an object whole or
//     not at all. Later files, such as a second round of profiles, are added, and
//     the manifest is replaced.
//
// If a process dies between its claim and the manifest, the next start with the
// same evidence folder finishes the upload. If that folder is gone, the place stays
// empty until the window ends, which is why there is more than one place.
//
// Objects are named
//
//	<prefix><service>/<version>/<rule>-<suspect>-<hash>/<window>/<place>/<file>
//
// # Privacy
//
// Evidence is uploaded as it is. Profiles and goroutine.txt may contain labels, and
// the manifest contains host names. Give read access to the bucket only to people
// who may see them.
//
// # Concurrency
//
// A [Sink] is safe for concurrent use. It handles one event at a time.
//
// # Cost
//
// An incident costs one conditional write of about 200 bytes. For the few that get
// a place, the files are some 100 KiB. TestFleet simulates 10,000 processes with
// one bucket and prints the requests and bytes. A delivery is retried with back-off
// until the guard's time limit for it (30 s), and offered again after the next
// start.
package blobsink
