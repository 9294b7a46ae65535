// Package bucket limits a rate with a token bucket: bursts up to a capacity pass
// at once, and on average no more than the refill rate.
//
// A [Bucket] starts full. [Bucket.Take] takes tokens if there are enough;
// [Bucket.Has] and [Bucket.Spend] are the same in two steps, for callers that pay
// only once their work has succeeded. The bucket refills evenly, and holds its
// capacity at most.
//
// # Time
//
// A bucket has no clock. Its time is a [time.Duration] since an instant that the
// caller chooses and keeps, such as the start of a process: pure policies have
// that already, and others pass time.Since(start). If time runs backwards the
// bucket waits until it has caught up, so no time is credited twice.
//
// # Cost
//
// A bucket is 32 bytes. Each call is a few floating-point operations and
// allocates nothing.
//
// # Concurrency
//
// A bucket has no lock: its owner serialises the calls.
package bucket
