// Package architecture holds the house rules that a compiler does not know:
// which packages may import which, and that every package says what it is for.
// It has tests only.
package architecture
