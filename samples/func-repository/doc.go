// Package funcrepository is a repository of templates for Knative's func. The
// templates are modules of their own; what is here are the tests of what func
// and Weft make of them.
package funcrepository
