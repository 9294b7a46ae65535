// Package newest tests sentryhook with the newest release of sentry-go, which no
// longer profiles. It is a module of its own so that the root's requirement
// stays at v0.30.0, the last release that does.
package newest
