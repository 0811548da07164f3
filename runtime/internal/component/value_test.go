package component_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/internal/component"
)

func TestEncode(t *testing.T) {
	cases := map[string]struct {
		reason string
		v      any
		want   string
	}{
		"struct":  {"values are JSON", struct{ A int }{1}, `{"A":1}`},
		"string":  {"text is a JSON string, as the HTTP API of Dapr writes it", "a", `"a"`},
		"bytes":   {"bytes are the author's own format", []byte("a"), `a`},
		"raw":     {"JSON is JSON", json.RawMessage(`{"a": 1}`), `{"a":1}`},
		"nil":     {"no value is null", nil, `null`},
		"nothing": {"no bytes are no bytes", []byte{}, ``},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := component.Encode(tc.v)
			if err != nil || string(got) != tc.want {
				t.Errorf("%s: %q, %v; want %q", tc.reason, got, err, tc.want)
			}
		})
	}
	if _, err := component.Encode(func() {}); err == nil {
		t.Error("a func is no value")
	}
}

func decode[T any](data string) (any, error) {
	var v T
	err := component.Decode([]byte(data), &v)
	return v, err
}

func TestDecode(t *testing.T) {
	type order struct{ ID string }
	cases := map[string]struct {
		reason string
		decode func(string) (any, error)
		data   string
		want   any
		fails  bool
	}{
		"struct":      {"values are JSON", decode[order], `{"ID":"1"}`, order{"1"}, false},
		"string":      {"a JSON string is a string", decode[string], `"a\n"`, "a\n", false},
		"text":        {"go-sdk writes text as it is", decode[string], `hello`, "hello", false},
		"number text": {"JSON that is no string is text", decode[string], `12`, "12", false},
		"no UTF-8":    {"bytes are no string", decode[string], "\xff", "", true},
		"bytes":       {"bytes are as they are", decode[[]byte], `"a"`, []byte(`"a"`), false},
		"raw":         {"JSON is JSON", decode[json.RawMessage], `[1]`, json.RawMessage(`[1]`), false},
		"null":        {"null is no value", decode[*order], `null`, (*order)(nil), false},
		"empty":       {"no data is the zero value", decode[order], ``, order{}, false},
		"other":       {"what does not fit is an error", decode[order], `[]`, order{}, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.decode(tc.data)
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func FuzzDecodeString(f *testing.F) {
	f.Add("a")
	f.Fuzz(func(t *testing.T, s string) {
		data, err := component.Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := component.Decode(data, &got); err != nil {
			t.Fatal(err)
		}
		if utf8.ValidString(s) && got != s { // else it is replaced, as in all JSON
			t.Errorf("%q came back as %q", s, got)
		}
	})
}
