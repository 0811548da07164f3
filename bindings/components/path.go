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

// smallCache bounds the page cache of each connection to 1 MiB: by default it
// is twice that, and a connection is opened for each request under way.
const smallCache = "_pragma=cache_size(-1024)"

// sqlitePath makes the file in the connection string of SQLite absolute, and
// its page caches small unless it sets them. It stays what it is if it names no
// file.
func sqlitePath(base string, props map[string]string) {
	for k, v := range props {
		if !strings.EqualFold(k, "connectionString") && !strings.EqualFold(k, "url") {
			continue
		}
		file, query, _ := strings.Cut(v, "?")
		scheme := ""
		if len(file) >= 5 && strings.EqualFold(file[:5], "file:") {
			scheme, file = file[:5], file[5:]
		}
		if file == "" || strings.HasPrefix(file, ":memory:") || strings.Contains(query, "mode=memory") {
			continue
		}
		if !filepath.IsAbs(file) {
			scheme, file = "file:", uriEscape.Replace(base)+"/"+file
		}
		if !strings.Contains(query, "cache_size") {
			query = strings.TrimPrefix(query+"&"+smallCache, "&")
		}
		props[k] = scheme + file + "?" + query
	}
}
