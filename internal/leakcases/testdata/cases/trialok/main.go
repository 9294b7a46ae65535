// A batch that is processed and dropped. https://example.com/issues/2
package main

import (
	"bytes"
	"context"
	"time"

	"example.com/leakcases/service"
)

func process(batch []byte) int { return bytes.Count(batch, []byte{1}) }

func main() {
	service.Main(service.Case{
		Healthy: true,
		Limit:   96 << 20, Rate: 50, Calm: 2 * time.Second, For: 7 * time.Second,
		Start: func(ctx context.Context, perSecond int) {
			service.Every(ctx, perSecond, func(int) { process(bytes.Repeat([]byte{1}, 256<<10)) })
		},
	})
}
