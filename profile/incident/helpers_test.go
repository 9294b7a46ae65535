package incident

import "time"

const mib = 1 << 20

// noon is when the incidents of the tests open, by default.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
