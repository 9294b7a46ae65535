// Package sentryhook delivers to Sentry: no profiling payload that a relay
// refuses leaves the process, and incidents of a guard arrive as events.
package sentryhook
