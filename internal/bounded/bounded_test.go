package bounded

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	if got := Text("short"); got != "short" {
		t.Errorf("got %q", got)
	}
	for _, s := range []string{strings.Repeat("é", MaxText), "x" + strings.Repeat("é", MaxText)} {
		if got := Text(s); len(got) > MaxText+len("…") || !utf8.ValidString(got) || !strings.HasSuffix(got, "é…") {
			t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-8:])
		}
	}
}

func TestFirstAndNewest(t *testing.T) {
	list := []int{1, 2, 3, 4, 5}
	if got := FirstAndNewest(list, 3); !slices.Equal(got, []int{1, 4, 5}) {
		t.Errorf("got %v", got)
	}
	if got := FirstAndNewest(list, 5); !slices.Equal(got, list) || &got[0] == &list[0] {
		t.Errorf("got %v, want a copy", got)
	}
	if got := FirstAndNewest[int](nil, 3); got == nil || len(got) != 0 {
		t.Errorf("got %v, want an empty list", got)
	}
}

func TestDecode(t *testing.T) {
	type result struct {
		keys  []string
		count int
	}
	decode := func(text string) (r result, err error) {
		dec := json.NewDecoder(strings.NewReader(text))
		err = Object(dec, func(key string) error {
			r.keys = append(r.keys, key)
			return List(dec, 2, func() error { r.count++; return dec.Decode(new(int)) })
		})
		return r, err
	}
	if r, err := decode(`{"a":[1,2],"b":null,"c":[]}`); err != nil || strings.Join(r.keys, "") != "abc" || r.count != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	if r, err := decode("null"); err != nil || r.keys != nil {
		t.Errorf("null: %+v, %v", r, err)
	}
	for _, text := range []string{`{"a":[1,2,3]}`, `[]`, `{"a":{}}`, `{"a":[1,`, `{"a":["x"]}`, "", `{"a"`} {
		if r, err := decode(text); err == nil {
			t.Errorf("%s: %+v and no error", text, r)
		}
	}
}
