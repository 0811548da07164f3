package components

import (
	"path/filepath"
	"strings"
)

// path returns an adjust that makes the named metadata, a path, absolute.
func path(name string) func(string, map[string]string) {
	return func(base string, props map[string]string) {
		for k, v := range props {
			if strings.EqualFold(k, name) && v != "" && !filepath.IsAbs(v) {
				props[k] = filepath.Join(base, v)
			}
		}
	}
}

// uriEscape escapes what has a meaning in a file: URI of SQLite.
var uriEscape = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// sqlitePath makes the file in the connection string of SQLite absolute; it
// stays what it is if it names no file.
func sqlitePath(base string, props map[string]string) {
	for k, v := range props {
		if !strings.EqualFold(k, "connectionString") && !strings.EqualFold(k, "url") {
			continue
		}
		file, query, more := strings.Cut(v, "?")
		isURI := len(file) >= 5 && strings.EqualFold(file[:5], "file:")
		if isURI {
			file = file[5:]
		}
		if file == "" || strings.HasPrefix(file, ":memory:") || filepath.IsAbs(file) || strings.Contains(query, "mode=memory") {
			continue
		}
		v = "file:" + uriEscape.Replace(base) + "/" + file
		if more {
			v += "?" + query
		}
		props[k] = v
	}
}
