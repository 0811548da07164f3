//go:build !unix

package fn

// tellReady does nothing: the engine finds out by itself.
func tellReady(string) {}
