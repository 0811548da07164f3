package component

import (
	"encoding/json"
	"unicode/utf8"
)

// Encode writes a value as components keep it: a []byte as it is, anything
// else as JSON.
func Encode(v any) ([]byte, error) {
	if b, ok := v.([]byte); ok {
		return b, nil
	}
	return json.Marshal(v)
}

// Decode reads into v, a pointer, what Encode or a program in another language
// has written. A string also takes text that is no JSON string, and no data
// leaves v as it is.
func Decode(data []byte, v any) error {
	switch v := v.(type) {
	case *[]byte:
		*v = append([]byte(nil), data...)
		return nil
	case *string:
		if json.Unmarshal(data, v) != nil && utf8.Valid(data) {
			*v = string(data)
			return nil
		}
	}
	if len(data) == 0 {
		return nil
	}
	return json.Unmarshal(data, v)
}
