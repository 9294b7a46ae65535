// Package link brings events and their attachments to the server of a Sentry client, and
// knows whether they have arrived.
//
// The SDK's own transports do not tell that. The way of an event is therefore:
//
//  1. [Connector.Connect] finds the hub's client, and makes a second client with the same
//     options and event processors, whose transport keeps what it prepares.
//  2. [Link.Send] has that client prepare the event, with the user's hooks and scope, and
//     posts it through the HTTP client, transport or proxy of the options. An answer of
//     5xx, 408 or 429, or none, leads to further attempts.
//  3. [Link.Attach] posts each attachment in an envelope of its own. A receipt in the
//     request's context tells whether our own transport has left it out.
//
// A client with a transport of the user's own gets the event handed over instead.
//
// # Cost
//
// An envelope is in memory once, besides the attachment itself. While a server has asked
// us to wait, nothing is sent to it.
//
// # Concurrency
//
// A [Connector] and a [Link] may be used by several goroutines. No goroutine outlives a
// call, except for the connections that net/http keeps until [Link.Idle].
package link
