package newest

import (
	"testing"

	"github.com/leakguard/leakguard/sentryhook/internal/spotlight"
)

func TestSpotlight(t *testing.T) { spotlight.Run(t) }
