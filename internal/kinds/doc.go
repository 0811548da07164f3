// Package kinds has the objects of Knative, KEDA and Dapr that Weft writes: of
// each as much as Weft sets.
//
// Their own Go types come with the libraries of their controllers. Linked into
// weft these take 45 MB of memory and 10 ms in each of its processes, and 30 MB
// of the program, whatever it is asked to do. The tests of controller/desired
// hold what is written here to the types themselves: strictly decoded, and
// checked by what Knative and KEDA check.
package kinds
