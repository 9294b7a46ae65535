package receipt

import (
	"context"
	"testing"
)

func TestReceiptGoesWithTheContext(t *testing.T) {
	if From(t.Context()) != nil {
		t.Error("a receipt from nowhere")
	}
	r := &Receipt{Folder: "/evidence/1"}
	ctx, cancel := context.WithCancel(With(t.Context(), r))
	defer cancel()
	if n, refused := r.LeftOut(); n != 0 || refused {
		t.Errorf("without our transport %d attachments are left out, refused %v", n, refused)
	}
	From(ctx).Fill(2, true)
	if n, refused := r.LeftOut(); n != 2 || !refused || From(ctx).Folder != "/evidence/1" {
		t.Errorf("%d attachments are left out, refused %v, of %s", n, refused, From(ctx).Folder)
	}
}
