package sentryhook

import _ "github.com/getsentry/sentry-go"
