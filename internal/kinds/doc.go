// Package kinds has the objects of Knative, KEDA and Dapr that Weft writes: of
// each as much as Weft sets.
//
// Their own Go types come with the libraries of their controllers. Linked into
// weft these take 30 MB of memory and 8 ms at the start of each of its processes,
// 11 MB of an idle engine, and 27 MB of the program. The tests of controller/desired
// hold what is written here to the types themselves: strictly decoded, and
// checked by what Knative and KEDA check.
package kinds
