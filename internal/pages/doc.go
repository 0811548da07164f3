// Package pages gives memory back that a program only needed to start.
//
// A program's code and constants are mapped from its file, 64 KiB around each
// place that is touched, and a start touches much of what is never used again:
// it is most of what a small process holds. Given back, a page is read again
// from the system's cache when it is needed.
package pages
