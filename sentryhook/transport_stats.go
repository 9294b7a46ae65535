package sentryhook

import (
	"time"

	"github.com/leakguard/leakguard/sentryhook/internal/envelope"
	"github.com/leakguard/leakguard/sentryhook/internal/transport"
)

// DropReason says why a profile was left out of its envelope.
type DropReason int

const (
	// DroppedTooLarge: the profile is over a budget even with a handful of
	// samples, or has a format that cannot be compacted.
	DroppedTooLarge DropReason = iota
	// DroppedTooLate: all of its samples are beyond 30 s, where Relay accepts
	// none.
	DroppedTooLate
	// DroppedByRate: ProfileBytesPerMinute was used up.
	DroppedByRate
	// DroppedByRelay: the relay's rate limits forbid profiles for a while.
	DroppedByRelay
	// DroppedOnRefusal: the relay or a proxy refused the envelope for its size,
	// and it was sent again without its profile.
	DroppedOnRefusal
)

// String returns the reason in a word or two.
func (r DropReason) String() string { return envelope.DropReason(r).String() }

// TransportStats is what a transport has done since it was made.
type TransportStats struct {
	// Requests counts all requests, and Envelopes those whose envelope was
	// understood. The others were passed on as they were: PassedOn.
	Requests, Envelopes, PassedOn int64

	// Profiles counts the profiles in envelopes. Each of them is in exactly one of
	// Unchanged, Compacted (smaller without loss), Reduced and Dropped.
	Profiles, Unchanged, Compacted int64
	// Reduced counts the profiles that lost samples to fit a budget, by the last
	// step that was taken.
	Reduced ReducedProfiles
	// Dropped counts the profiles that were left out, by the reason.
	Dropped map[DropReason]int64
	// Cut counts the profiles that lost samples beyond 30 s, in addition to the
	// counts above.
	Cut int64

	// AttachmentsDropped counts the attachments that were left out.
	AttachmentsDropped int64
	// Oversized counts the envelopes that were sent although they were over a
	// budget, because what remained of them is never left out.
	Oversized int64
	// Resent counts the envelopes that were refused for their size and sent again:
	// compressed, without their profile, without their attachments.
	Resent int64

	// Failed counts the requests without an answer, and Refused those whose last
	// answer had a status of 400 or above, by status. Their content is lost unless
	// it was a Sink's: the SDKs do not retry.
	Failed  int64
	Refused map[int]int64

	// BytesIn counts the bytes of bodies as they came, and BytesOut as they were
	// sent, both decompressed; WireBytesOut counts them as they were sent on the
	// wire. A body that was sent twice counts twice.
	BytesIn, BytesOut, WireBytesOut int64

	// Learned is what is known of hosts that refused a body, or accepted a large one.
	Learned map[string]LearnedBudget
}

// ReducedProfiles counts profiles that lost samples, by the last step that was taken.
type ReducedProfiles struct {
	// OtherThreads lost the samples of all threads but the transaction's.
	OtherThreads int64
	// ActiveRuns also lost all but the ends of runs of equal stacks.
	ActiveRuns int64
	// Thinned also lost samples at even distances.
	Thinned int64
}

// LearnedBudget is what the answers of a host have taught. A field of 0 says nothing.
//
// A refusal teaches only if the envelope was accepted without what the field is about:
// otherwise something else in it was too large.
type LearnedBudget struct {
	// WireBytes is how many bytes a body with a profile may have as it is sent, and
	// ProfileBytes how many bytes a profile may have decompressed. PlainBytes is how many
	// bytes any body may have before it is compressed. All three hold until Until.
	WireBytes, ProfileBytes, PlainBytes int64
	Until                               time.Time
	// AttachmentBytes is how many bytes a body with attachments may have as it is sent.
	// It holds until a larger body is accepted. A body of nothing but attachments may be
	// larger once every TransportConfig.LearnFor, to find out.
	AttachmentBytes int64
	// PassedBytes is the largest body that was accepted, if that is more than 1 MiB and
	// TransportConfig.WireBytes is zero. As much may then be sent of anything.
	PassedBytes int64
}

func transportStats(s transport.Stats) TransportStats {
	out := TransportStats{
		Requests: s.Requests, Envelopes: s.Envelopes, PassedOn: s.PassedOn,
		Profiles: s.Profiles, Unchanged: s.Unchanged, Compacted: s.Compacted,
		Reduced: ReducedProfiles(s.Reduced), Cut: s.Cut,
		Dropped:            make(map[DropReason]int64, len(s.Dropped)),
		AttachmentsDropped: s.AttachmentsDropped, Oversized: s.Oversized, Resent: s.Resent,
		Failed: s.Failed, Refused: s.Refused,
		BytesIn: s.BytesIn, BytesOut: s.BytesOut, WireBytesOut: s.WireBytesOut,
		Learned: make(map[string]LearnedBudget, len(s.Learned)),
	}
	for reason, n := range s.Dropped {
		out.Dropped[DropReason(reason)] = n
	}
	for host, budget := range s.Learned {
		out.Learned[host] = LearnedBudget{
			WireBytes: budget.WireBytes, ProfileBytes: budget.ProfileBytes, PlainBytes: budget.PlainBytes, Until: budget.Until,
			AttachmentBytes: budget.AttachmentBytes, PassedBytes: budget.PassedBytes,
		}
	}
	return out
}
