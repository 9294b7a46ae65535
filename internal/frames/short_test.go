package frames

import "testing"

func TestShortFunction(t *testing.T) {
	for function, want := range map[string]string{
		"github.com/acme/shop/storage.(*Cache).Put": "storage.(*Cache).Put",
		"main.main": "main.main",
		"github.com/acme/shop/storage.(*Cache[...]).Put":  "storage.(*Cache[...]).Put",
		"a/b.Put[github.com/acme/shop/order.Order,uint8]": "b.Put[github.com/acme/shop/order.Order,uint8]",
		"": "",
	} {
		if got := ShortFunction(function); got != want {
			t.Errorf("%s: %q, want %q", function, got, want)
		}
	}
}
