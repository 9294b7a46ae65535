// Package profile owns the evidence of a leak and its data: the words it is
// written in ([Kind], [Reading], [Bytes]), its capture, its keeping ([Store]),
// its comparison and its report. It does not decide when to capture.
package profile
